"""What lies in a run's checkpoint folder, and which of it to go on from."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.training.checkpoint_io import read

log = logging.getLogger(__name__)
FOLDER = "checkpoints"
ABANDONED = "abandoned"
NEXT, LAST, PREVIOUS = "next.ckpt", "last.ckpt", "previous.ckpt"  # the newest first


def best_name(batch: int) -> str:
    return f"best_{batch:07d}.ckpt"


def bundle_of(best: Path) -> Path:
    """The bundle that lies beside a best checkpoint."""
    return best.with_suffix(".safetensors")


def best_names(folder: Path) -> list[Path]:
    """The best checkpoints of a folder, the newest first."""
    return sorted(folder.glob("best_*.ckpt"), reverse=True)


def candidates(folder: Path) -> Iterator[Path]:
    """The checkpoints of a folder, the newest first."""
    for name in (NEXT, LAST, PREVIOUS):
        if (folder / name).is_file():
            yield folder / name
    yield from best_names(folder)


def newest_readable(paths: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    """The first of these checkpoints that can be read, and its content; says which cannot.

    Raises:
        UserError: none can.
    """
    for number, path in enumerate(paths):
        try:
            return path, read(path)
        except UserError as error:
            if number == len(paths) - 1:
                raise UserError(f"{error}; give another one with resume=FILE, or start a new run") from error
            log.warning("warning: %s; going back to %s", error, paths[number + 1].name)
    raise UserError("no checkpoint was given")


def adopt(path: Path, batch: int, folder: Path) -> None:
    """Make a checkpoint the last one of a run that goes on from it.

    Those of a later batch, or that cannot be read, belong to a future that is given up: they go to ``abandoned/``.

    Args:
        path: of the checkpoint, in the folder or elsewhere.
        batch: that it was written after.
        folder: with the run's checkpoints.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for cut_off in folder.glob(".*.part"):
        cut_off.unlink(missing_ok=True)
    if path == folder / NEXT:  # written, but not yet rotated
        if (folder / LAST).exists():
            os.replace(folder / LAST, folder / PREVIOUS)
        os.replace(path, folder / LAST)
        return
    newer = {folder / NEXT, folder / LAST} | ({folder / PREVIOUS} if path.name.startswith("best_") else set())
    later = {found for found in best_names(folder) if found.name > best_name(batch)}
    newer |= later | {bundle_of(found) for found in later}
    for found in sorted(newer - {path}):
        if found.exists():
            abandon(found, folder)
    if path != folder / LAST:
        duplicate(path, folder / LAST)


def abandon(path: Path, folder: Path) -> None:
    """Put away what belongs to a future that is given up."""
    (folder / ABANDONED).mkdir(exist_ok=True)
    os.replace(path, folder / ABANDONED / path.name)
    log.info("%s is of a later batch or unreadable: moved to %s", path, folder / ABANDONED)


def duplicate(path: Path, copy: Path) -> None:
    """A second name for a file's content; a copy where the file system has no links."""
    with replacing(copy) as temporary:
        temporary.unlink()  # a link needs the name
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)
