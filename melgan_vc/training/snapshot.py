"""The generator of a running training as a bundle."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from melgan_vc.bundle import Bundle, load, pack
from melgan_vc.data.splits import RECORDED
from melgan_vc.spec import AudioSpec, PitchSpec, spec_of
from melgan_vc.training.module import MelganVC
from melgan_vc.training.shards import TEMPLATE

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
    provenance = provenance_of(module.about, module.batch_count, measures or {})
    inversion = module.about.get("inversion")
    return pack(
        generator,
        module.generator_arguments,
        audio,
        module.chunk,
        provenance,
        inversion=inversion,
        pitch=pitch_of(module.about),
    )


def snapshot_of(checkpoint: Mapping[str, Any], module: MelganVC, audio: AudioSpec) -> Bundle:
    """Make the bundle that :func:`snapshot` made when a checkpoint was written, again from the checkpoint.

    Args:
        checkpoint: its content, which fits the module.
        module, audio: of the training, which goes on undisturbed.
    """
    prefix = "generator." if module.average is None else "average.network."
    weights = {
        name.removeprefix(prefix): value for name, value in checkpoint["state_dict"].items() if name.startswith(prefix)
    }
    generator = copy.deepcopy(vars(module.best_generator).get(TEMPLATE, module.best_generator))
    generator.load_state_dict(weights, assign=True)
    about = checkpoint["about"]
    provenance = provenance_of(about, checkpoint["batch_count"], checkpoint["held_out"])
    inversion, pitch = about.get("inversion"), pitch_of(about)
    return pack(
        generator, module.generator_arguments, audio, module.chunk, provenance, inversion=inversion, pitch=pitch
    )


def pitch_of(about: Mapping[str, Any]) -> PitchSpec | None:
    """Return the voices that a training measured; None where it measured none.

    Raises:
        UserError: they cannot be voices.
    """
    return spec_of(PitchSpec, about["pitch"]) if "pitch" in about else None


def provenance_of(about: Mapping[str, Any], batches: int, measures: Mapping[str, float]) -> dict[str, Any]:
    """Say where a bundle comes from."""
    provenance: dict[str, Any] = {"batches": batches}
    provenance |= {name: about[name] for name in ABOUT if name in about}
    if measures:
        provenance["held_out"] = dict(measures)
    return provenance


def load_own(path: Path, module: MelganVC) -> Bundle:
    """Read a bundle of a training's own run; the package of its generator is trusted, for it runs already.

    Args:
        path: of the file.
        module: of the training.

    Raises:
        UserError: see :func:`melgan_vc.bundle.load`.
    """
    return load(path, (type(module.generator).__module__,))
