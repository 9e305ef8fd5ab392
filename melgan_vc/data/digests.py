"""What files hold, as hashes that are not computed again while a file stays as it is."""

import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melgan_vc.audio.decode import check_file
from melgan_vc.data.arrays import is_stamp, stamp
from melgan_vc.data.manifest import parse, read_text
from melgan_vc.errors import FOR_ALL, UserError
from melgan_vc.files import replacing
from melgan_vc.terminal import Bar

THREADS = 4
HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Digest:
    """What a file held when it was hashed.

    Attributes:
        sha256: of its content, as hex.
        stamp: its size and times then; see :func:`melgan_vc.data.arrays.stamp`.
    """

    sha256: str
    stamp: tuple[int, ...]

    @property
    def size(self) -> int:
        return self.stamp[0]


def digests(files: Mapping[str, Path], memory: Path, progress: bool = True) -> tuple[dict[str, Digest], dict[str, str]]:
    """Return the SHA-256 of each file, and why a file has none, by the same names.

    Args:
        files: by any names.
        memory: a file that keeps what was found, with size and times of each file, for as long as the file exists.
        progress: show a bar.

    Raises:
        OSError: the next file would meet it as well.
    """
    known = remembered(memory)
    found: dict[str, Digest] = {}
    failures: dict[str, str] = {}
    missing: dict[str, Path] = {}
    for name, path in files.items():
        try:
            check_file(path)
            now, place = stamp(path), os.path.realpath(path)
        except (OSError, ValueError) as error:  # a UserError is a ValueError; so is a name that no file can have
            failures[name] = reason_of(error, path)
            continue
        before = known.get(place)
        if before is not None and before[0] == now:
            found[name] = Digest(before[1], tuple(now))
        else:
            missing[name] = path
    with ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(digest_or_reason, missing.values())
        disable = None if progress else True
        made = Bar(results, total=len(missing), desc="hashing", unit="file", disable=disable, delay=2)
        for name, (digest, reason) in zip(missing, made, strict=True):
            if digest is not None:
                found[name] = digest
            else:
                failures[name] = reason
    new = {os.path.realpath(files[name]): found[name] for name in missing if name in found}
    if new:
        entries = {place: kept for place, kept in known.items() if Path(place).exists()}
        entries |= {place: entry(place, digest) for place, digest in new.items()}
        with suppress(OSError, UserError), replacing(memory) as temporary:  # else they are hashed again
            temporary.write_text(json.dumps(entries), encoding="utf-8")
    return {name: found[name] for name in files if name in found}, failures


def remembered(memory: Path) -> dict[str, list[Any]]:
    """Return stamp and hash of each file by its path, as far as the memory is sound."""
    try:
        found = parse(read_text(memory))
    except (OSError, ValueError):
        return {}
    return {path: entry for path, entry in found.items() if is_entry(path, entry)} if isinstance(found, dict) else {}


def entry(path: str, digest: Digest) -> list[Any]:
    """Return what the memory keeps of a file: its stamp, its hash, and a checksum of both, for a hash is believed."""
    return [list(digest.stamp), digest.sha256, zlib.crc32(json.dumps([path, digest.stamp, digest.sha256]).encode())]


def is_entry(path: str, found: Any) -> bool:
    """Return whether something is what :func:`entry` gives for a file."""
    if not isinstance(found, list) or len(found) != 3 or not is_stamp(found[0]):
        return False
    is_hash = isinstance(found[1], str) and HEX.fullmatch(found[1]) is not None
    return is_hash and found == entry(path, Digest(found[1], tuple(found[0])))


def digest_or_reason(path: Path) -> tuple[Digest | None, str]:
    """Return the digest of a file, or why it has none.

    Raises:
        OSError: the next file would meet it as well.
    """
    try:
        before = stamp(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if stamp(path) != before:
            return None, f"{path}: changed while it was read; start again when nothing writes to it"
    except OSError as error:
        if error.errno in FOR_ALL:
            raise
        return None, reason_of(error, path)
    return Digest(sha256, tuple(before)), ""


def change_of(path: Path, digest: Digest) -> str | None:
    """Return why a file does not hold any more what was hashed; None where it still does."""
    try:
        if tuple(stamp(path)) == digest.stamp:
            return None
    except OSError as error:
        return reason_of(error, path)
    now, reason = digest_or_reason(path)
    if now is None:
        return reason
    changed = f"{path}: changed while it was prepared; start again when nothing writes to it"
    return None if now.sha256 == digest.sha256 else changed


def reason_of(error: Exception, path: Path) -> str:
    """Return an error as one line with the file's name."""
    if isinstance(error, UserError):
        return str(error)
    return f"{path}: {error.strerror if isinstance(error, OSError) and error.strerror else error}"
