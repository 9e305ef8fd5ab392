"""What lies in a run's checkpoint folder, and which of it to go on from."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from melgan_vc.errors import UserError
from melgan_vc.training.checkpoint_io import read

log = logging.getLogger(__name__)
FOLDER = "checkpoints"
NEXT, LAST, PREVIOUS = "next.ckpt", "last.ckpt", "previous.ckpt"  # the newest first


def best_name(batch: int) -> str:
    return f"best_{batch:07d}.ckpt"


def best_names(folder: Path) -> list[Path]:
    """The best checkpoints of a folder, the newest first."""
    return sorted(folder.glob("best_*.ckpt"), reverse=True)


def candidates(folder: Path) -> Iterator[Path]:
    """The checkpoints of a folder, the newest first."""
    for name in (NEXT, LAST, PREVIOUS):
        if (folder / name).is_file():
            yield folder / name
    yield from best_names(folder)


def newest_readable(paths: list[Path]) -> tuple[Path, dict[str, Any]]:
    """The first of these checkpoints that can be read, and its content; says which cannot.

    Raises:
        UserError: none can.
    """
    for number, path in enumerate(paths):
        try:
            return path, read(path)
        except UserError as error:
            if number == len(paths) - 1:
                raise
            log.warning("warning: %s; going back to %s", error, paths[number + 1].name)
    raise UserError("no checkpoint was given")


def clean(folder: Path) -> None:
    """Remove what writes that were cut off left behind."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)
