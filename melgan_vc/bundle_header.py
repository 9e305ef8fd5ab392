"""What a bundle says of itself, read without torch: what is none is refused at once, and in little memory."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from melgan_vc.errors import UserError

VERSION = 2
FORMAT = f"melgan_vc bundle {VERSION}"
NAME = "bundle.safetensors"
BEST_NAME = "best.safetensors"  # of a run: the best by a held-out measure


@dataclass(frozen=True)
class Header:
    """Of a bundle file.

    Attributes:
        about: its description.
        shapes: of the weights by name; safetensors has made sure that the file is as large as they are.
    """

    about: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]


def locate(path: Path) -> Path:
    """The bundle file of a path that is a bundle or a run directory."""
    if path.is_dir():
        path = path / NAME
        if not path.is_file():
            raise UserError(f"{path.parent}: no {NAME} in this folder; give a bundle file or a finished run directory")
    if not path.is_file():
        raise UserError(f"{path}: no such bundle; give a bundle file or a run directory")
    if path.suffix == ".ckpt":
        raise UserError(f"{path}: is a checkpoint; give the run directory, or the {NAME} in it")
    return path


def read_header(path: Path) -> Header:
    """The header of a bundle file or of a run directory's bundle.

    Raises:
        UserError: it is missing, no bundle, or of a version that is not known.
    """
    path = locate(path)
    try:
        with safe_open(path, framework="np") as file:
            about = description(file.metadata() or {})
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from error
    check_format(about.get("format"), path)
    return Header(about, shapes)


def unreadable(path: Path, error: Exception) -> UserError:
    """One line on why a file could not be read."""
    return UserError(f"{path}: cannot be read as a bundle ({error}); export or copy it again")


def description(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a file's metadata say of it; version 1 kept its format beside the rest, and is otherwise the same."""
    about = parsed(metadata.get("about"))
    return {"format": metadata["format"]} | about if "format" in metadata else about


def check_format(found: object, path: Path) -> None:
    """Refuse what is no bundle, or one of a version that is not known yet."""
    version = re.fullmatch(r"melgan_vc bundle (\d{1,6})", found) if isinstance(found, str) else None
    if version is None:
        raise UserError(f"{path}: format {found!r} found, {FORMAT!r} expected; is it another file?")
    if not 1 <= int(version[1]) <= VERSION:
        raise UserError(
            f"{path}: is a bundle of version {version[1]}, and this melgan_vc knows versions up to {VERSION}; update it"
        )


def parsed(text: str | None) -> dict[str, Any]:
    """The JSON object in a text; an empty one if there is none."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
