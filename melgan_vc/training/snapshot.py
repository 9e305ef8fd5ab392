"""The generator of a running training as a bundle."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from melgan_vc.bundle import Bundle, pack
from melgan_vc.data.splits import RECORDED
from melgan_vc.spec import AudioSpec
from melgan_vc.training.module import MelganVC

ABOUT = ("experiment", "version", "code", "seed", "data", RECORDED, "minutes", "card")


def snapshot(
    module: MelganVC, generator: nn.Module, audio: AudioSpec, measures: Mapping[str, float] | None = None
) -> Bundle:
    """A copy of the generator to convert with, on the CPU; the training goes on undisturbed.

    Args:
        module, audio: of the training.
        generator: its best one, whole.
        measures: what was found last on held-out recordings.
    """
    provenance: dict[str, Any] = {"batches": module.batch_count}
    provenance |= {name: module.about[name] for name in ABOUT if name in module.about}
    if measures:
        provenance["held_out"] = dict(measures)
    return pack(generator, module.generator_arguments, audio, module.chunk, provenance)
