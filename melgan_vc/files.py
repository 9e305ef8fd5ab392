"""Files that appear complete or not at all, locks, and names that stay inside a folder."""

import errno
import fcntl
import hashlib
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from melgan_vc.errors import UserError
from melgan_vc.temporary import NO_FOLLOW, remove_abandoned_once, temporary_file
from melgan_vc.text import is_shown, printable

log = logging.getLogger(__name__)
LONGEST = 255  # bytes of a name, on almost every file system
REPLACED = re.compile(r'[\\:*?"<>|]')  # that Windows refuses in names
RESERVED = re.compile(r"(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)  # there, too
CHANGED = re.compile(r"~[0-9a-f]{16}(\.[^.]*)?$")  # how names end that output_path has changed
DEEPEST = 1000  # bytes of a path below the output folder


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to, which takes its final name when the body ends well and is removed otherwise.

    The temporary file lies beside the final one, empty, and is locked until the end, so that other processes can tell
    it from one whose process was killed. A link at the final name is replaced; what it points to stays as it is.

    Args:
        path: the final name.
        durable: wait until the disk itself holds the file, so that it also survives a power cut.

    Raises:
        UserError: the final name is a folder, or too long for the file system.
        OSError: the folder cannot be made or written.
    """
    check_name(path)
    absent = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned_once(path.parent.absolute())
    with temporary_file(path) as temporary:
        try:
            yield temporary
            if durable:
                sync(temporary)
            os.replace(temporary, path)
        except OSError as error:
            if error.filename in (str(temporary), os.fsencode(temporary)):
                error.filename = str(path)  # which means something to a user
            raise
        if durable:
            for folder in (path.parent, *(folder.parent for folder in absent)):
                sync(folder)  # the names in it


def check_output(path: Path) -> None:
    """Make the folder of a file to write, and see that the file can be written, before the work is done for it.

    Raises:
        UserError, OSError: as :func:`replacing`.
    """
    check_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_file(path):
        pass


def check_name(path: Path) -> None:
    """Refuse a final name that could not be given in the end.

    Raises:
        UserError: it is a folder, holds a NUL, or is too long for the file system.
    """
    try:
        is_folder = path.is_dir()
        path.lstat()
    except FileNotFoundError:
        return
    except ValueError as error:
        raise UserError(f"{printable(path)}: no file can have that name; give another one") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return  # the folder, which is refused with its own reason when it is made
        size = len(os.fsencode(path.name))
        raise UserError(
            f"{printable(path.name[:40])}...: the name is too long: {size} bytes, in a path of "
            f"{len(os.fsencode(path))}; most file systems allow {LONGEST}; give a shorter one"
        ) from error
    if is_folder:
        raise UserError(f"{printable(path)}: is a folder; give the name of a file")


def open_lock(path: Path) -> int:
    """Open a lock file, made if there is none; it is never emptied or followed to another file.

    Returns:
        A file descriptor, for fcntl.lockf; closing it frees the lock. The file itself stays: one that is removed could
        be locked twice.

    Raises:
        UserError: there is something else under that name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    refusal = f"{path}: is no regular file, so it cannot be used as a lock; remove it"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO):
            raise UserError(refusal) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(refusal)
    return descriptor


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process has this lock file, and hold it; the kernel frees it when this process ends."""
    descriptor = open_lock(path)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # some systems say one, some the other
            log.info("waiting for another process, which has locked %s", path)
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk, where the file system can tell."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # of folders on some network file systems
            raise
    finally:
        os.close(descriptor)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what two names of the same file share, whatever links lead to it; None where there is no file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def same_file(path: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file: through links, as hard links, or where case makes no difference."""
    found = identity(path)
    return os.path.realpath(path) == os.path.realpath(other) if found is None else found == identity(other)


def output_path(folder: Path, name: str) -> Path:
    """Return where the output of a recording, a tag or a row of that name belongs, always inside a folder.

    Use it for every name that comes from a file, a table, a manifest or a run. Slashes make subfolders. Steps that
    lead elsewhere (``..``, a root) are dropped; what some system refuses in names (control characters, colons,
    reserved names, leading dots and dashes, over 255 bytes) is replaced. A name that was changed ends in a part of its
    hash, before its suffix, so that different names give different files.

    Args:
        folder: for outputs.
        name: with the suffix of the file.

    Raises:
        UserError: a subfolder is a link that leads out of the folder.
    """
    parts = [tidied(part) for part in name.split("/") if part not in ("", ".", "..")] or ["_"]
    parts[:-1] = [shortened(part, LONGEST) for part in parts[:-1]]
    while len(parts) > 1 and len(os.fsencode("/".join(parts))) > DEEPEST:
        del parts[0]
    if "/".join(parts) != name or CHANGED.search(name) or len(os.fsencode(parts[-1])) > LONGEST:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
        stem, dot, suffix = parts[-1].rpartition(".")
        stem, ending = (stem, f"~{digest}.{suffix}") if dot and len(suffix) < 16 else (parts[-1], f"~{digest}")
        parts[-1] = shortened(stem, LONGEST - len(ending.encode())) + ending
    found = folder.joinpath(*parts)
    if not Path(os.path.realpath(found.parent)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{printable(found.parent)}: is a link that leads out of {printable(folder)}; remove it")
    return found


def tidied(part: str) -> str:
    """Return one step of a path as every system allows it, without a first letter that means something."""
    part = "".join(letter if is_shown(letter) else "_" for letter in REPLACED.sub("_", part))
    if part[0] in "-.~ " or RESERVED.fullmatch(part):
        part = f"_{part}"
    return f"{part}_" if part[-1] in ". " else part


def shortened(text: str, size: int) -> str:
    """Return the start of a text that has at most ``size`` bytes."""
    return text.encode()[:size].decode(errors="ignore")


class Originals:
    """Files that a command reads, and so must never write.

    Args:
        paths: of them; they are known again by any other name, also after they are gone.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.identities = {identity(path): path for path in paths}
        self.identities.pop(None, None)

    def refuse(self, output: Path) -> None:
        """Refuse an output that would replace one of the files.

        Raises:
            UserError: it is one of them: the same path, a link, or another name of the same file.
        """
        found = self.identities.get(identity(output))
        if found is not None:
            raise UserError(
                f"{printable(output)}: is an input of this command ({printable(found)}), and would be overwritten; "
                "give another output"
            )


def last_parts(paths: Sequence[Path], taken: Sequence[str] = ()) -> list[str]:
    """Return the last part of each path, or as many of the last parts as tell all of them apart.

    Args:
        paths: to name.
        taken: names that none may have while it has more parts.
    """
    parts = [path.parts for path in paths]
    for count in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(one[-count:]) for one in parts]
        if len({*names, *taken}) == len(names) + len(taken):
            break
    return names


def inputs_among(outputs: Iterable[Path], inputs: Iterable[Path]) -> list[Path]:
    """Return the outputs that would replace one of the inputs."""
    known = Originals(inputs).identities
    return [path for path in outputs if identity(path) in known]
