"""What a case must not do: start a process, connect, load foreign code, or change files outside of its folder."""

import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn", "os.kill")
CONNECTS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")
LOADS = ("pickle.find_class",)
CHANGES = {  # events, and which of their arguments are paths that are changed
    "os.mkdir": (0,), "os.remove": (0,), "os.rename": (0, 1), "os.rmdir": (0,), "os.link": (1,), "os.symlink": (1,),
    "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,), "shutil.rmtree": (0,),
}  # fmt: skip
VERSION_QUERY = ["git", "-C", str(ROOT / "melgan_vc")]  # asks for the commit that a training is of
READER = "melgan_vc.networks.keras_file"  # which reads HDF5 in a process of its own
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ForbiddenError(BaseException):
    """Raised instead of what a case must not do; no handler of ours catches it."""


class Watch:
    """An audit hook that forbids processes, connections, foreign code and writing elsewhere.

    Args:
        allowed: folders and files that may be written.
    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        self.seen: list[str] = []
        self.is_on = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "subprocess.Popen" and (arguments[1][:3] == VERSION_QUERY or READER in arguments[1]):
            return
        if event in STARTS:
            self.forbid(f"starts a process: {event}{arguments!r:.200}")
        elif event in CONNECTS:
            self.forbid(f"connects: {event}{arguments!r:.200}")
        elif event in LOADS:
            self.forbid(f"loads code: {event}{arguments!r:.200}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes) and isinstance(flags, int) and flags & WRITING:
                self.check(path, event, follow=not flags & os.O_NOFOLLOW)
        elif event in CHANGES:
            for place in CHANGES[event]:
                if isinstance(arguments[place], str | bytes):
                    self.check(arguments[place], event, arguments[place + 1 :])

    def check(self, path: str | bytes, event: str, rest: tuple[Any, ...] = (), follow: bool = False) -> None:
        """Forbid a change of a path outside of what is allowed.

        Args:
            path: as it was given.
            event: that changes it.
            rest: arguments behind it, one of which may be the descriptor of the folder that it is relative to.
            follow: whether the system follows a link at the path itself.
        """
        self.is_on = False
        name = os.fsdecode(path)
        folder = next((entry for entry in rest if isinstance(entry, int) and entry in open_folders()), None)
        whole = Path(name) if folder is None else Path(f"/proc/self/fd/{folder}").resolve() / name
        real = os.path.realpath(whole) if follow else os.path.join(os.path.realpath(whole.parent), whole.name)
        self.is_on = True
        is_compiled = "__pycache__" in whole.parts  # code of ours, such as numba keeps it
        if not is_compiled and not any(real == place or real.startswith(f"{place}/") for place in self.allowed):
            self.forbid(f"writes outside: {event} {real!r:.200}")

    def forbid(self, what: str) -> None:
        self.seen.append(what)
        raise ForbiddenError(what)


def open_folders() -> set[int]:
    """Return the descriptors of folders that this process has open, but for the three standard ones."""
    return {int(entry.name) for entry in os.scandir("/proc/self/fd") if entry.is_dir() and int(entry.name) > 2}
