"""Checkpoint files: whole or not at all, the same bytes for the same state, and no code in them."""

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.training.checkpoint_checks import check_archive, check_content


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
    """Read a checkpoint's content, on the CPU.

    Raises:
        UserError: it is missing, damaged, or not one of ours.
    """
    if not path.is_file():
        why = "it is no regular file" if path.exists() else "there is no such file"
        raise UserError(f"{path}: cannot be read as a checkpoint ({why})")
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            if is_bundle(file.read(16)):
                raise UserError(f"{path}: is a bundle, from which no training can resume; give a run or a checkpoint")
            if os.fstat(file.fileno()).st_size > memory():
                raise UserError(f"{path}: cannot be read as a checkpoint (it is larger than this machine's memory)")
            storages = check_archive(file)
            found = torch.load(file, map_location="cpu", weights_only=True)
    except (UserError, MemoryError):  # a lack of memory is no damage: an older checkpoint would not mend it
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a checkpoint ({error.strerror or error})") from error
    except Exception as error:  # torch raises what its readers happen to meet, in words of its own
        reason = "it holds other things than weights" if isinstance(error, UnpicklingError) else "damaged or cut off"
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason})") from error
    try:
        check_content(found, storages)
    except ValueError as error:
        raise UserError(f"{path}: is not a checkpoint of this version of melgan_vc ({error})") from error
    return found


def is_bundle(head: bytes) -> bool:
    """Tell whether a file that begins so is a safetensors file: a length and a JSON object."""
    return head[8:9] == b"{" and head[5:8] == bytes(3)


def memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


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
