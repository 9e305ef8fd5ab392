"""The checkpoint that a run goes on from, and whether it is of the same training."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback
from torch import is_tensor

from melgan_vc.bundle import NAME
from melgan_vc.errors import UserError
from melgan_vc.training.checkpoint_files import FOLDER, candidates, newest_readable
from melgan_vc.training.checkpoint_fit import check_callbacks, check_optimizers, check_other_weights
from melgan_vc.training.checkpoint_io import read
from melgan_vc.training.module import MelganVC
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
        older: checkpoints to resume from if this one does not fit, the newest first.
    """

    path: Path
    batch_count: int
    about: Mapping[str, Any]
    loggers: Mapping[str, Any]
    older: Sequence[Path] = ()


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
    return readable_point(found)


def readable_point(paths: Sequence[Path]) -> ResumePoint:
    """The first of these checkpoints that can be read.

    Raises:
        UserError: none can.
    """
    path, content = newest_readable(paths)
    older = paths[paths.index(path) + 1 :]
    return ResumePoint(path, content["batch_count"], content["about"], content["loggers"], older)


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


def fitting_point(point: ResumePoint, module: MelganVC, callbacks: Sequence[Callback]) -> ResumePoint:
    """Return the newest checkpoint that fits the training that is about to start; says which do not.

    Args:
        point: the newest one that can be read.
        module: that is to be trained.
        callbacks: that have a state in it.

    Raises:
        UserError: none fits.
    """
    misfit = check_fit(point, module, callbacks)
    if misfit is None:
        return point
    for path in point.older:
        try:
            older = readable_point([path])
        except UserError as error:
            log.warning("warning: %s", error)
            continue
        if check_fit(older, module, callbacks) is None:
            log.warning("warning: %s; going back to %s", misfit, path.name)
            return replace(older, older=point.older[point.older.index(path) + 1 :])
    raise misfit


def check_fit(point: ResumePoint, module: MelganVC, callbacks: Sequence[Callback]) -> UserError | None:
    """Why a checkpoint does not fit networks, optimizers and callbacks: all of it is loaded, or nothing."""
    content, weights = read(point.path), module.state_dict()
    differing = differences(shapes(content["state_dict"]), shapes(weights))
    if differing:
        return UserError(
            f"{point.path}: {len(differing)} weights do not fit this config, first {differing[0]}; give it the "
            "networks and the chunk that it was trained with, for networks of other sizes must be trained anew"
        )
    try:
        check_other_weights(content["state_dict"], weights)
        check_optimizers(content["optimizer_states"], module)
        check_callbacks(content["callbacks"], callbacks)
    except ValueError as error:
        return UserError(f"{point.path}: does not fit this training ({error}); resume from another one")
    return None


def shapes(weights: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of the three networks; what else has a state can start anew."""
    return {
        name: tuple(value.shape) for name, value in weights.items() if is_tensor(value) and name.startswith(NETWORKS)
    }
