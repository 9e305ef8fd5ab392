"""The one exception that reaches a user as a single line, and the system's errors in words."""

import errno
import os

ADVICE = {
    errno.ENOSPC: "the disk is full; free some space, or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some space, or choose another place",
    errno.EFBIG: "the file would be too large for the file system; choose another place",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EACCES: "permission denied; give yourself the right, or choose another place",
    errno.EPERM: "operation not permitted; give yourself the right, or choose another place",
    errno.ENAMETOOLONG: "the name is too long for the file system; give a shorter one",
    errno.ENOTDIR: "a file is where a folder is needed; remove it, or choose another place",
    errno.EEXIST: "a file is where a folder is needed; remove it, or choose another place",
    errno.EISDIR: "a folder is where a file is needed; remove it, or choose another place",
    errno.ENOENT: "no such file or folder; check the path",
    errno.ELOOP: "its links lead in a circle; give the real path",
    errno.EMFILE: "too many files are open; raise the limit with ulimit -n",
    errno.ENFILE: "too many files are open on this machine; close some programs",
    errno.ENOMEM: "there is too little memory; close some programs",
    errno.EIO: "the device failed to read or write; check the disk, and copy the file again",
    errno.ESTALE: "the file was replaced on its server; run the command again",
    errno.EPIPE: "the program that reads the output has ended",
}
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # in PyTorch's messages
FOR_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the next file meets them as well


class UserError(ValueError):
    """Something the user can mend: the text says what was found, what was expected and what to do."""


def is_lack_of_memory(error: BaseException) -> bool:
    """Tell whether Python, NumPy or PyTorch could not get memory, of the machine or of a GPU."""
    in_torch = isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    return in_torch or isinstance(error, MemoryError)


def explain_os_error(error: OSError, path: object = None) -> str:
    """Return one line on what the system refused, and what a user can do.

    Args:
        error: of the system.
        path: that it is about, instead of the one that it names itself, which may be a temporary file's.
    """
    name = error.filename if path is None else path
    where = os.fsdecode(name) if isinstance(name, bytes) else name
    reason = ADVICE.get(error.errno or 0) or f"{error.strerror or error}; choose another place, or check rights"
    return reason if where is None or isinstance(where, int) else f"{where}: {reason}"
