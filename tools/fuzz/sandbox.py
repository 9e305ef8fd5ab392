"""One case in a process of its own: limits of time and memory, and a look at everything that it does to the system.

The process is forked from one that has loaded all libraries, so that a case costs milliseconds. What Python does is
seen by an audit hook, what libraries in C write only by what then lies around the folder of the case.
"""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.fuzz import canary

SURVIVED, REFUSED, FAILED = "survived", "refused", "failed"
INPUT, WORK, OUTSIDE = "input", "work", "outside.txt"
SENTINEL = b"outside of what a case may write\n"
ROOT = Path(__file__).resolve().parents[2]
READ, WRITTEN = "result.json", "output.txt"
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
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What a case may take.

    Attributes:
        seconds: of the clock.
        memory: bytes above what the process has when the case begins.
    """

    seconds: float = 20.0
    memory: int = 1 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: SURVIVED, REFUSED or FAILED.
        what: in a line.
        where: of a failure, the place in our code that it comes from: failures with the same one are the same.
        text: the traceback, or what else helps.
    """

    kind: str
    what: str = ""
    where: str = ""
    text: str = ""


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
                self.check(path, event)
        elif event in CHANGES:
            for place in CHANGES[event]:
                if isinstance(arguments[place], str | bytes):
                    self.check(arguments[place], event, arguments[place + 1 :])

    def check(self, path: str | bytes, event: str, rest: tuple[Any, ...] = ()) -> None:
        """Forbid a change of a path outside of what is allowed; links are followed where the system follows them."""
        name = os.fsdecode(path)
        self.is_on = False
        descriptor = next((one for one in rest if isinstance(one, int) and one > 2), None)  # of a folder, or a mode
        whole = Path(f"/proc/self/fd/{descriptor}").resolve() / name if descriptor in open_folders() else Path(name)
        followed = (
            os.path.realpath(whole) if event == "open" else os.path.join(os.path.realpath(whole.parent), whole.name)
        )
        real = str(followed)
        self.is_on = True
        if "__pycache__" in whole.parts:  # compiled code of ours, such as numba keeps it
            return
        if not any(real == one or real.startswith(f"{one}/") for one in self.allowed):
            self.forbid(f"writes outside: {event} {real!r:.200}")

    def forbid(self, what: str) -> None:
        self.seen.append(what)
        raise ForbiddenError(what)


def open_folders() -> set[int]:
    """Return the descriptors of folders that this process has open."""
    return {int(entry.name) for entry in os.scandir("/proc/self/fd") if entry.is_dir()}


def run(
    body: Callable[[Path, Path], str | None],
    folder: Path,
    limits: Limits,
    is_refusal: Callable[[Exception], str | None],
) -> Iterator[Outcome | None]:
    """Run a case in a new process; yields None as long as it runs, then what became of it.

    Args:
        body: takes the folders of the input and of all that it writes; may return what is wrong with what it found.
        folder: of the case, which holds ``input``.
        limits: of the process.
        is_refusal: returns an error's line for users, or None where it is none.
    """
    (folder / WORK).mkdir()
    (folder / OUTSIDE).write_bytes(SENTINEL)
    there = {path.name for path in folder.iterdir()}
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        child(body, folder, limits, is_refusal)
    begun = time.monotonic()
    status = None
    try:
        while status is None:
            ended, found = os.waitpid(pid, os.WNOHANG)
            if ended:
                status = found
            elif time.monotonic() - begun > limits.seconds:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                status = -1
                yield failed(f"hangs: not done after {limits.seconds:g} s", "hang", hang_text(folder))
                return
            else:
                yield None
    finally:
        if status is None:  # the campaign is interrupted
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    yield outcome(folder, status, there)


def failed(what: str, where: str, text: str = "") -> Outcome:
    return Outcome(FAILED, what, where, text)


def hang_text(folder: Path) -> str:
    """Return where a case that hangs was a little before its end, which faulthandler has written."""
    text = (folder / WRITTEN).read_text(errors="replace") if (folder / WRITTEN).is_file() else ""
    return text[-4000:]


def outcome(folder: Path, status: int, there: set[str]) -> Outcome:
    """Return what became of a case whose process ended."""
    said = (folder / WRITTEN).read_text(errors="replace")[-4000:] if (folder / WRITTEN).is_file() else ""
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return failed(f"crashes: {name}", f"crash {name}", said)
    if not (folder / READ).is_file():
        return failed(f"ends by itself with code {os.waitstatus_to_exitcode(status)}", "exit", said)
    found = Outcome(**json.loads((folder / READ).read_text()))
    more = sorted({path.name for path in folder.iterdir()} - there - {READ, WRITTEN, WORK})
    if more or (folder / OUTSIDE).read_bytes() != SENTINEL:
        return failed(f"writes outside: {more or OUTSIDE}", "writes outside (seen afterwards)", found.text)
    return found


def child(
    body: Callable[[Path, Path], str | None],
    folder: Path,
    limits: Limits,
    is_refusal: Callable[[Exception], str | None],
) -> None:
    """Run a case in this process, and end it."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        prepare(folder, limits)
        watch = Watch((str(folder / WORK), str(folder / READ), str(folder / WRITTEN), "/dev/null", "/dev/tty"))
        sys.addaudithook(watch)
        with suppress(BaseException):
            found = attempt(body, folder, watch, is_refusal)
        (folder / READ).write_text(json.dumps(found.__dict__))
        code = 0
    finally:
        os._exit(code)


def prepare(folder: Path, limits: Limits) -> None:
    """Give this process its limits, and an own place for all that it writes."""
    import faulthandler

    output = os.open(folder / WRITTEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(output, number)
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for name in ("tmp", "home"):
        (folder / WORK / name).mkdir()
    os.environ |= {"TMPDIR": str(folder / WORK / "tmp"), "HOME": str(folder / WORK / "home")}
    tempfile.tempdir = str(folder / WORK / "tmp")
    os.chdir(folder / WORK)
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * MEGABYTE, 512 * MEGABYTE))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    faulthandler.enable(file=2)
    faulthandler.dump_traceback_later(0.9 * limits.seconds, exit=False, file=2)


def attempt(
    body: Callable[[Path, Path], str | None],
    folder: Path,
    watch: Watch,
    is_refusal: Callable[[Exception], str | None],
) -> Outcome:
    """Run the body under the watch; returns what became of it."""
    found = Outcome(SURVIVED)
    canary.CALLED.clear()
    watch.is_on = True
    try:
        wrong = body(folder / INPUT, folder / WORK)
        if wrong:
            found = failed(wrong, f"wrong result: {wrong.partition(':')[0]}")
    except MemoryError as error:
        watch.is_on = False
        found = failed("takes too much memory", f"memory {place_of(error)}", text_of(error))
    except Exception as error:
        watch.is_on = False
        line = is_refusal(error)
        if line is None or any(isinstance(one, MemoryError) for one in causes(error)):
            found = unexpected(error)
        else:
            found = Outcome(REFUSED, line[:1000])
    except SystemExit as error:
        watch.is_on = False
        found = ended(folder, error.code) if error.code else found
    except BaseException as error:
        watch.is_on = False
        found = unexpected(error)
    watch.is_on = False
    for what in (*watch.seen, *canary.CALLED):
        found = failed(what, f"forbidden {what.partition(' ')[0]} {found.where or what[:60]}", found.text)
    return found


def unexpected(error: BaseException) -> Outcome:
    """Return the outcome of an error that no user should see."""
    kind = type(error).__name__
    return failed(f"{kind}: {error!s:.300}", f"{kind} {place_of(error)}", text_of(error))


def ended(folder: Path, code: object) -> Outcome:
    """Return the outcome of a command that ended by itself: it must have said why, in one line."""
    sys.stderr.flush()
    said = (folder / WRITTEN).read_text(errors="replace")
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if "Traceback" in said or len(lines) != 1:
        return failed(f"ends with code {code} and {len(lines)} lines for the user", "no line", said[-4000:])
    return Outcome(REFUSED, lines[0])


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def place_of(error: BaseException) -> str:
    """Return the last line of our own code in a traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/melgan_vc/" in frame.filename]
    if not frames:
        return ""
    return f"{frames[-1].filename.rpartition('/melgan_vc/')[2]}:{frames[-1].lineno}"


def text_of(error: BaseException) -> str:
    with suppress(Exception):
        return "".join(traceback.format_exception(error))[-6000:]
    return repr(error)


def clear(folder: Path) -> None:
    """Remove what a case left."""
    shutil.rmtree(folder, ignore_errors=True)
