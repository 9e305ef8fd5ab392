"""The checkpoint that a run goes on from, and whether it is of the same training."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, is_tensor

from melgan_vc.bundle import NAME
from melgan_vc.errors import UserError
from melgan_vc.training.checkpoint_files import FOLDER, candidates, newest_readable
from melgan_vc.training.checkpoint_io import read
from melgan_vc.training.run_config import AUTO, MEANING, differences, whole_path

log = logging.getLogger(__name__)
NETWORKS = ("generator.", "siamese.", "discriminator.")  # whose weights must fit
RECORDINGS = "{} now has other recordings (names or contents)"


@dataclass(frozen=True)
class ResumePoint:
    """A checkpoint to go on from.

    Attributes:
        path: of the file.
        batch_count: batches that were trained.
        about: what the training means, see :meth:`melgan_vc.training.module.MelganVC.about`.
        loggers: what each logger must know to go on, by its class.
    """

    path: Path
    batch_count: int
    about: Mapping[str, Any]
    loggers: Mapping[str, Any]


def resume_point(resume: str | None, run_dir: Path) -> ResumePoint | None:
    """The checkpoint to go on from; None to start from nothing.

    Args:
        resume: None, AUTO (go on if there is a checkpoint), a run directory or a checkpoint.
        run_dir: where AUTO looks.

    Raises:
        UserError: there is no checkpoint that can be read.
    """
    if resume is None:
        return None
    path = run_dir if resume == AUTO else whole_path(resume)
    if path.is_dir() or resume == AUTO:
        folder = path if path.name == FOLDER else path / FOLDER
        found = list(candidates(folder))
        if not found and (resume != AUTO or (path / NAME).exists()):
            raise UserError(
                f"{path}: holds no checkpoint to go on from; give a run directory with {FOLDER}/, or start a new run"
            )
        if not found:
            log.info("nothing to resume in %s: starting from the first batch", run_dir)
            return None
    else:
        around = list(candidates(path.parent)) if path.parent.name == FOLDER else []
        found = around[around.index(path) :] if path in around else [path]
    chosen, content = newest_readable(found)
    return ResumePoint(chosen, content["batch_count"], content["about"], content["loggers"])


def check_meaning(point: ResumePoint, about: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Refuse to go on with another training than the checkpoint's.

    Args:
        about: of the training that is about to start; what is not in it is not checked.
        allowed: names in ``MEANING`` that may change. Other audio makes other mels, so it stands for the data too.
    """
    for name in about.keys() & set(MEANING):
        changes = differences({name: point.about.get(name)}, {name: about[name]})
        if name == "data":
            changes = [RECORDINGS.format(change.partition(":")[0]) for change in changes]
        if changes and name not in allowed and not (name == "data" and "audio" in allowed):
            raise UserError(
                f"{point.path}: was trained with other {name}: {'; '.join(changes)}; give it the same, or start a new "
                f"run, or say allow_changes=[{name}] if this is meant"
            )


def check_weights(point: ResumePoint, weights: Mapping[str, Tensor]) -> None:
    """Refuse a checkpoint whose weights do not fit the networks: all are loaded, or none.

    Args:
        weights: of the module that is to be trained.
    """
    theirs, ours = shapes(read(point.path)["state_dict"]), shapes(weights)
    differing = differences(theirs, ours)
    if differing:
        raise UserError(
            f"{point.path}: {len(differing)} weights do not fit this config, first {differing[0]}; give it the "
            "networks and the chunk that it was trained with, for networks of other sizes must be trained anew"
        )


def shapes(weights: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of the three networks; what else has a state can start anew."""
    return {
        name: tuple(value.shape) for name, value in weights.items() if is_tensor(value) and name.startswith(NETWORKS)
    }
