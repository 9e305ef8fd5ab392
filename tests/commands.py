"""Run a command as a user does, without waiting for its imports: in a fork of a process that has done them once."""

import atexit
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, Self

ROOT = Path(__file__).resolve().parent.parent
PRELOADED = (
    "melgan_vc.train", "melgan_vc.training.run", "melgan_vc.training.held_out_protocol", "melgan_vc.evaluate",
    "melgan_vc.evaluation.session", "melgan_vc.evaluation.report", "melgan_vc.convert", "melgan_vc.inference.offline",
    "melgan_vc.prepare", "melgan_vc.inspect", "torch.utils.flop_counter", "torch._subclasses.fake_tensor",
)  # fmt: skip


class Running:
    """A command that runs: ``python -m melgan_vc.NAME``, the first of a group of processes. Leaving it as a context
    kills what has not ended.

    Args:
        name: of the command.
        arguments: of its command line.
        cwd: where it starts.
    """

    def __init__(self, name: str, *arguments: str, cwd: Path) -> None:
        self.words = [name, *arguments]
        self.is_over = False
        self.home = tempfile.TemporaryDirectory()
        self.places = [str(Path(self.home.name) / stream) for stream in ("stdout", "stderr")]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("WANDB_API_KEY", None)
        self.pid = ask("start", name, arguments, str(cwd), dict(environment), self.places)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.is_over:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()

    def wait(self, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Wait for its end; what takes longer than so many seconds is killed."""
        code = ask("wait", self.pid, seconds)
        self.is_over = True
        out, error = (Path(place).read_text(encoding="utf-8") for place in self.places)
        self.home.cleanup()
        return subprocess.CompletedProcess(self.words, code, out, error)


def run_command(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command up to its end; arguments as for :class:`Running`."""
    return Running(name, *arguments, cwd=cwd).wait()


def ask(*words: object) -> int:
    """Return the answer of the process that has loaded what commands need."""
    asked, told = pipes()
    asked.write(json.dumps(words) + "\n")
    asked.flush()
    return int(told.readline())


@cache
def pipes():
    """Start the process that has loaded what commands need; returns where it is asked, and where it answers."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.commands"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return server.stdin, server.stdout


def serve() -> None:
    """Answer what is asked, a line each: fork for a command, or wait for one. Ends with whoever asks."""
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        task, *words = json.loads(line)
        print(forked(*words) if task == "start" else waited(*words), flush=True)


def forked(*words: Any) -> int:
    """Start a command; returns the number of its process. See :func:`execute`."""
    pid = os.fork()
    if pid == 0:
        execute(*words)
    return pid


def waited(pid: int, seconds: float) -> int:
    """Return the exit code of a process, which is killed where it takes longer than so many seconds."""
    until = time.monotonic() + seconds
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def execute(name: str, arguments: list[str], cwd: str, environment: dict[str, str], places: list[str]) -> NoReturn:
    """Be the process of a command, up to its end.

    Args:
        name: of the command.
        arguments: of its command line.
        cwd: where it starts.
        environment: of the process.
        places: files that standard output and standard error go to.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell leaves it ignored
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, place in enumerate(places, start=1):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = [name, *arguments]
    sys.path.insert(0, cwd)
    warnings.filterwarnings("ignore", message=".*found in sys.modules after import of package.*")
    code: object = 0
    try:
        runpy.run_module(f"melgan_vc.{name}", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve()
