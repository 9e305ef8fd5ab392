"""Run a command as a user does, without waiting for its imports: in a fork of a process that has done them once."""

import atexit
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
PRELOADED = (
    "melgan_vc.train", "melgan_vc.training.run", "melgan_vc.training.held_out_protocol", "melgan_vc.evaluate",
    "melgan_vc.evaluation.session", "melgan_vc.evaluation.report", "melgan_vc.convert", "melgan_vc.inference.offline",
    "melgan_vc.prepare", "melgan_vc.inspect", "torch.utils.flop_counter", "torch._subclasses.fake_tensor",
)  # fmt: skip


def run_command(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m melgan_vc.NAME`` as a user does.

    Args:
        name: of the command.
        arguments: of its command line.
        cwd: where it starts.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("WANDB_API_KEY", None)
    with tempfile.TemporaryDirectory() as home:
        places = [str(Path(home) / stream) for stream in ("stdout", "stderr")]
        asked, told = pipes()
        asked.write(json.dumps([name, arguments, str(cwd), dict(environment), places]) + "\n")
        asked.flush()
        code = int(told.readline())
        out, error = (Path(place).read_text(encoding="utf-8") for place in places)
    return subprocess.CompletedProcess([name, *arguments], code, out, error)


@cache
def pipes():
    """Start the process that has loaded what commands need; returns where it is asked, and where it answers."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.commands"],
        cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return server.stdin, server.stdout


def serve() -> None:
    """Fork for each command that is asked for, a line each; tell its exit code. Ends with whoever asks."""
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            execute(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def execute(name: str, arguments: list[str], cwd: str, environment: dict[str, str], places: list[str]) -> NoReturn:
    """Be the process of a command, up to its end.

    Args:
        name: of the command.
        arguments: of its command line.
        cwd: where it starts.
        environment: of the process.
        places: files that standard output and standard error go to.
    """
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
