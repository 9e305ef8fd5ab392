"""What files hold, as hashes that are not computed again while a file stays as it is."""

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from melgan_vc.audio.decode import check_file
from melgan_vc.errors import UserError
from melgan_vc.files import replacing

THREADS = 4


def digests(files: Mapping[str, Path], memory: Path, progress: bool = True) -> tuple[dict[str, str], dict[str, str]]:
    """SHA-256 of each file, as hex; and why a file has none, by the same names.

    Args:
        files: by any names.
        memory: a file that keeps what was found, with size and time of each file.
    """
    known = remembered(memory)
    stamps: dict[str, list[int]] = {}
    found: dict[str, str] = {}
    failures: dict[str, str] = {}
    missing: dict[str, Path] = {}
    for name, path in files.items():
        try:
            check_file(path)
            entry = path.stat()
        except (UserError, OSError) as error:
            failures[name] = reason_of(error)
            continue
        stamps[name] = [entry.st_size, entry.st_mtime_ns, entry.st_ctime_ns]
        before = known.get(os.path.realpath(path))
        if before is not None and before[0] == stamps[name]:
            found[name] = before[1]
        else:
            missing[name] = path
    with ThreadPoolExecutor(THREADS) as pool:
        made = tqdm(pool.map(digest_or_reason, missing.values()), total=len(missing), desc="reading", unit="file",
                    disable=not progress, delay=2)  # fmt: skip
        for name, (text, reason) in zip(missing, made, strict=True):
            if reason is None:
                found[name] = text
            else:
                failures[name] = reason
    if missing:
        entries = {os.path.realpath(files[name]): [stamps[name], found[name]] for name in missing if name in found}
        with replacing(memory) as temporary:
            temporary.write_text(json.dumps(known | entries), encoding="utf-8")
    return {name: found[name] for name in files if name in found}, failures


def remembered(memory: Path) -> dict[str, list]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest_or_reason(path: Path) -> tuple[str, str | None]:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), None
    except OSError as error:
        return "", reason_of(error)


def reason_of(error: Exception) -> str:
    """In a line, with the file's name."""
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
