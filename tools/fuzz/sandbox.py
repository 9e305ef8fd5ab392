"""One case in a process of its own: limits of time and memory, and a look at everything that it does to the system.

The process is forked from one that has loaded all libraries, so that a case costs milliseconds. What Python does is
seen by an audit hook, what libraries in C write only by what then lies around the folder of the case. Memory is what
the process really has, which the parent looks at; the address space has a limit too, so that what could never be had
fails where it is asked for.
"""

import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from melgan_vc.cli import explanation
from melgan_vc.errors import is_lack_of_memory
from melgan_vc.training.run_directory import chain
from tools.fuzz import canary
from tools.fuzz.watch import Watch

Body = Callable[[Path, Path], str | None]

SURVIVED, REFUSED, FAILED = "survived", "refused", "failed"
INPUT, WORK, OUTSIDE = "input", "work", "outside.txt"
SENTINEL = b"outside of what a case may write\n"
RESULT, OUTPUT = "result.json", "output.txt"
MEGABYTE = 1 << 20
WHERE = signal.SIGUSR1  # has a process write where it is
FATAL = ("terminate called", "LLVM ERROR", "Fatal Python error")  # how the last words of a process begin
OWN_LINE = re.compile(r'File ".*/melgan_vc/(\S+\.py)", line (\d+)')
NO_MEMORY = ("bad_alloc", "out of memory", "Cannot allocate memory", "Resource temporarily unavailable")
SHOWN = 4000  # characters of what a process wrote


@dataclass(frozen=True)
class Limits:
    """What a case may take.

    Attributes:
        seconds: of the clock, without those in which the process could have run and other processes did.
        memory: bytes above what the process has when the case begins.
    """

    seconds: float = 20.0
    memory: int = 1 << 30

    @property
    def address_space(self) -> int:
        """Bytes that may be reserved above what the process has: threads and allocators reserve more than they use."""
        return 4 * self.memory


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        kind: SURVIVED, REFUSED or FAILED.
        what: in a line.
        where: of a failure, the place in our code that it comes from: failures with the same one are the same.
        text: the traceback, or what else helps.
        seconds: that it took, by the same clock as the limit.
        memory: the most that its process had, in bytes.
    """

    kind: str
    what: str = ""
    where: str = ""
    text: str = ""
    seconds: float = 0.0
    memory: int = 0


def run(body: Body, folder: Path, limits: Limits) -> Iterator[Outcome | None]:
    """Run a case in a new process; yields None while it runs, then its outcome.

    Args:
        body: takes the folders of the input and of all that it writes; returns what is wrong with the result, if
            anything is.
        folder: of the case, which holds ``input``.
        limits: of the process.
    """
    (folder / WORK).mkdir()
    (folder / OUTSIDE).write_bytes(SENTINEL)
    there = {path.name for path in folder.iterdir()}
    sys.stdout.flush()
    sys.stderr.flush()
    begun, pid = time.monotonic(), os.fork()
    if pid == 0:
        run_and_exit(body, folder, limits)
    spent = 0.0
    most = own_memory(pid) + limits.memory
    ended = status = 0
    is_over = False
    try:
        while not is_over and spent <= limits.seconds:
            spent = max(spent, time.monotonic() - begun - delay(pid))
            is_over = own_memory(pid) > most
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            yield None
        if not ended:
            yield from asked_where_it_is(pid, folder / OUTPUT)
    finally:
        if not ended:  # it hangs, takes too much, or the campaign was interrupted
            kill(pid)
            _, _, usage = os.wait4(pid, 0)
    output = text_in(folder / OUTPUT)
    if is_over:
        found = failed(
            f"takes too much memory: over {limits.memory >> 20} MB more", f"memory {place_in(output)}", output
        )
    elif ended:
        found = outcome_of(folder, status, there, output)
    else:
        found = failed(f"hangs: not done after {limits.seconds:g} s", "hang", output)
    yield replace(found, seconds=spent, memory=usage.ru_maxrss << 10)


def own_memory(pid: int) -> int:
    """Return the bytes of memory that a process has for itself: libraries and other files are all processes'."""
    _, there, of_files, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(there) - int(of_files)) * resource.getpagesize()


def delay(pid: int) -> float:
    """Return the seconds that a process has waited for a processor; 0 where the kernel does not count them."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def asked_where_it_is(pid: int, output: Path) -> Iterator[None]:
    """Wait until a process has written where it is, a moment at most."""
    if not output.exists():  # it has not begun
        return
    written, until = output.stat().st_size, time.monotonic() + 5
    with suppress(ProcessLookupError):
        os.kill(pid, WHERE)
    while output.stat().st_size == written and time.monotonic() < until:
        yield None


def kill(pid: int) -> None:
    """Kill the process of a case and those that it has started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(pid, signal.SIGKILL)


def failed(what: str, where: str, text: str = "") -> Outcome:
    return Outcome(FAILED, what, where, text)


def text_in(path: Path) -> str:
    """Return the end of a text file, which may be missing, or the last words of a crash in it from their first on."""
    text = path.read_text(errors="replace") if path.is_file() else ""
    text = text.partition("\nExtension modules: ")[0]  # which a crash lists
    words = min((place for word in FATAL if (place := text.find(word)) >= 0), default=len(text))
    return text[max(0, min(words - SHOWN // 4, len(text) - SHOWN)) :][: 2 * SHOWN]


def outcome_of(folder: Path, status: int, there: set[str], output: str) -> Outcome:
    """Return the outcome of a case whose process has ended."""
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        if any(word in output for word in NO_MEMORY):
            return failed(f"takes too much memory: {name}", f"memory {place_in(output)}", output)
        return failed(f"crashes: {name}", f"crash {name}", output)
    if not (folder / RESULT).is_file():
        return failed(f"ends by itself with code {os.waitstatus_to_exitcode(status)}", "exit", output)
    found = Outcome(**json.loads((folder / RESULT).read_text()))
    more = sorted({path.name for path in folder.iterdir()} - there - {RESULT, OUTPUT})
    if more or (folder / OUTSIDE).read_bytes() != SENTINEL:
        return failed(f"writes outside: {more or OUTSIDE}", "writes outside (seen afterwards)", found.text)
    return found


def run_and_exit(body: Body, folder: Path, limits: Limits) -> NoReturn:
    """Run a case in this process, and end it."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        prepare(folder, limits)
        watch = Watch((str(folder / WORK), str(folder / RESULT), str(folder / OUTPUT), "/dev/null", "/dev/tty"))
        sys.addaudithook(watch)
        found = attempt(body, folder, watch)
        (folder / RESULT).write_text(json.dumps(found.__dict__))
        code = 0
    finally:
        os._exit(code)


def prepare(folder: Path, limits: Limits) -> None:
    """Give this process its limits, and an own place for all that it writes."""
    import faulthandler

    output = os.open(folder / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
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
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + limits.address_space
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * MEGABYTE, 512 * MEGABYTE))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.environ["LIBC_FATAL_STDERR_"] = "1"  # or glibc writes to the terminal why it aborts
    faulthandler.enable(file=2)
    faulthandler.register(WHERE, file=2)


def attempt(body: Body, folder: Path, watch: Watch) -> Outcome:
    """Run the body under the watch; returns its outcome."""
    found = Outcome(SURVIVED)
    canary.CALLED.clear()
    watch.is_on = True
    try:
        wrong = body(folder / INPUT, folder / WORK)
        watch.is_on = False
        if wrong:
            found = failed(wrong, f"wrong result: {wrong.partition(':')[0]}")
    except BaseException as error:  # any error is an outcome
        watch.is_on = False
        found = outcome_of_error(error, folder)
    for what in (*watch.seen, *canary.CALLED):
        found = failed(what, f"forbidden {what.partition(' ')[0]} {found.where or what[:60]}", found.text)
    return found


def outcome_of_error(error: BaseException, folder: Path) -> Outcome:
    """Return the outcome of a case that ended with an error: refused only if a user would see one line."""
    if isinstance(error, SystemExit):
        return outcome_of_exit(folder, error.code) if error.code else Outcome(SURVIVED)
    if any(is_lack_of_memory(cause) for cause in chain(error)):
        return failed(f"takes too much memory: {error!s:.300}", f"memory {place_of(error)}", text_of(error))
    line = explanation(error) if isinstance(error, Exception) else None
    if line is not None:
        return Outcome(REFUSED, line[:1000])
    kind = type(error).__name__
    return failed(f"{kind}: {error!s:.300}", f"{kind} {place_of(error)}", text_of(error))


def outcome_of_exit(folder: Path, code: object) -> Outcome:
    """Return the outcome of a command that ended by itself: it must have said why, in one line."""
    sys.stderr.flush()
    said = (folder / OUTPUT).read_text(errors="replace")
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if any("too little memory" in line for line in lines):
        return failed(f"takes too much memory: {lines[0]:.300}", "memory", said[-SHOWN:])
    if "Traceback" in said or len(lines) != 1:
        return failed(f"ends with code {code} and {len(lines)} lines for the user", "no line", said[-4000:])
    return Outcome(REFUSED, lines[0])


def place_of(error: BaseException) -> str:
    """Return the last line of our own code in a traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/melgan_vc/" in frame.filename]
    if not frames:
        return ""
    return f"{frames[-1].filename.rpartition('/melgan_vc/')[2]}:{frames[-1].lineno}"


def place_in(output: str) -> str:
    """Return the innermost line of our own code in what faulthandler wrote."""
    found = OWN_LINE.search(output)
    return f"{found[1]}:{found[2]}" if found else ""


def text_of(error: BaseException) -> str:
    with suppress(Exception):
        return "".join(traceback.format_exception(error))[-6000:]
    return repr(error)
