"""The generator of a running training as a bundle."""

from collections.abc import Mapping
from typing import Any

from melgan_vc.bundle import Bundle, pack
from melgan_vc.spec import AudioSpec
from melgan_vc.training.module import MelganVC


def snapshot(module: MelganVC, audio: AudioSpec, provenance: Mapping[str, Any] | None = None) -> Bundle:
    """A copy of the generator to convert with, on the CPU; the training goes on undisturbed."""
    about = {"batches": module.batch_count, **(provenance or {})}
    return pack(module.best_generator, module.generator_arguments, audio, module.chunk, about)
