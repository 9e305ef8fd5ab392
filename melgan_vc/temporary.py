"""Temporary files beside the ones that they become, and those that killed processes left behind."""

import fcntl
import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

READABLE = 100  # bytes of the final name that a temporary one repeats: with the rest under the limit of any file system
TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-[0-9a-f]{8}\.part", re.DOTALL)
OLD_TEMPORARY = re.compile(r"\..+\.(\d+)\.part", re.DOTALL)  # of versions that named only their process
IDLE, ABANDONED = 600.0, 86400.0  # seconds without a change, after which other versions' and hosts' files are removed
NO_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Give a new, empty, locked file beside a path; it is removed at the end if it still has its temporary name."""
    name = os.fsencode(path.name)[:READABLE].decode(errors="ignore")
    descriptor = None
    while descriptor is None:
        temporary = path.with_name(f".{name}.{host()}-{secrets.token_hex(4)}.part")
        try:
            descriptor = locked_file(temporary)
        except OSError as error:
            error.filename = str(path)
            raise
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def locked_file(path: Path) -> int | None:
    """Make a file and lock it; None where the name is taken, or another process removed it before it was locked."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW, 0o666)
    except FileExistsError:
        return None
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return None


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files that killed processes left in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".part") and entry.is_file(follow_symlinks=False):
                with suppress(OSError):  # one that is still locked, or not ours to remove
                    remove_if_abandoned(Path(entry))


remove_abandoned_once = cache(remove_abandoned)  # in a process: listing a large folder takes time


def remove_if_abandoned(path: Path) -> None:
    """Remove a file if it is a temporary one of ours whose process is gone.

    Its lock tells: the kernel frees it when a process ends, however it does. Locks may not reach other hosts, so their
    files must also have been idle for a day. Versions without such locks named their process.

    Raises:
        OSError: it is locked, or cannot be removed.
    """
    idle = time.time() - path.lstat().st_mtime
    if found := TEMPORARY.fullmatch(path.name):
        if found[1] != host() and idle < ABANDONED:
            return
    elif found := OLD_TEMPORARY.fullmatch(path.name):
        if idle < IDLE or is_running(int(found[1])):
            return
    else:
        return
    descriptor = os.open(path, os.O_RDWR | NO_FOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def is_running(process: int) -> bool:
    """Tell whether this host has a process of a number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def host() -> str:
    """Return a short name of this machine for file names."""
    return hashlib.sha256(os.fsencode(socket.gethostname())).hexdigest()[:8]
