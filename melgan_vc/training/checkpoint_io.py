"""Checkpoint files: whole or not at all, the same bytes for the same state, and no code in them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.files import replacing


class DurableCheckpointIO(CheckpointIO):
    """Writes beside the target, waits for the disk, then renames; Lightning's own goes through another file system."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with replacing(Path(path), durable=True) as temporary, temporary.open("wb") as file:
            torch.save(canonical(checkpoint), file)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU.

    Raises:
        UserError: it is missing, damaged, or not one of ours.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its readers happen to meet
        raise UserError(f"{path}: cannot be read as a checkpoint ({first_line(error)})") from error
    if not isinstance(found, dict) or not {"state_dict", "batch_count", "about"} <= found.keys():
        raise UserError(f"{path}: is not a checkpoint of melgan_vc")
    return found


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:160]


def canonical(value: Any) -> Any:
    """The same plain containers with equal texts as one object.

    Pickle writes whether two equal texts are one object, which a resumed process does not have in common with an
    uninterrupted one.
    """
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, Mapping):
        return {canonical(key): canonical(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return tuple([canonical(entry) for entry in value])
    if isinstance(value, list):
        return [canonical(entry) for entry in value]
    return value
