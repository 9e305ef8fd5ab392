"""A fixed few hundred cases of the fuzzer pass, and the fuzzer catches what it is there for."""

import mmap
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from melgan_vc.errors import UserError
from tests.conftest import ROOT
from tools.fuzz import canary, sandbox
from tools.fuzz.areas import AREAS
from tools.fuzz.sandbox import FAILED, INPUT, REFUSED, SURVIVED, Limits, Outcome

MEGABYTE = 1 << 20


def outcome_of(body, folder: Path, seconds: float = 2.0) -> Outcome:
    """Run a case whose body does something on purpose."""
    (folder / INPUT).mkdir()
    limits = Limits(seconds, memory=200 * MEGABYTE)
    for found in sandbox.run(lambda given, work: body(given, work), folder, limits):
        if found is not None:
            return found
        time.sleep(0.002)
    raise AssertionError


def refuse(*_):
    raise UserError("x: is no recording; give one")


def end(*_, line="x: is no recording"):
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(1)


def fail(*_):
    raise KeyError("samples")


def hide_memory(*_):
    try:
        bytearray(4000 * MEGABYTE)
    except MemoryError as error:
        raise UserError("damaged") from error


def take_memory(*_):
    held = bytearray(b"x") * (300 * MEGABYTE)
    time.sleep(1)
    assert held


def abort_with(said):
    print("before", file=sys.stderr)
    print(said, file=sys.stderr, flush=True)
    os.abort()


def hang(*_):
    while True:
        time.sleep(0.01)


def leave(given, work):
    with open("../escaped", "w"):  # noqa: PTH123
        pass


def follow(given, work):
    (work / "link").symlink_to(given.parent / "outside.txt")
    (work / "link").write_text("x")


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (lambda given, work: (work / "out").write_text("x") and None, SURVIVED, ""),
        (refuse, REFUSED, "is no recording"),
        (end, REFUSED, "is no recording"),
        (lambda given, work: "samples: not finite", FAILED, "not finite"),
        (lambda given, work: sys.exit(1), FAILED, "0 lines for the user"),
        (fail, FAILED, "KeyError: 'samples'"),
        (hang, FAILED, "hangs"),
        (lambda given, work: bytearray(4000 * MEGABYTE) and None, FAILED, "memory"),
        (take_memory, FAILED, "memory: over 200 MB"),
        (lambda given, work: mmap.mmap(-1, 500 * MEGABYTE) and None, SURVIVED, ""),
        (lambda given, work: abort_with("terminate called after throwing 'std::bad_alloc'"), FAILED, "memory: SIGABRT"),
        (hide_memory, FAILED, "damaged"),
        (lambda *_: end(line="there is too little memory (x)"), FAILED, "memory"),
        (lambda *_: torch.zeros(1 << 50) and None, FAILED, "memory"),
        (lambda given, work: os.abort(), FAILED, "SIGABRT"),
        (lambda given, work: os._exit(3), FAILED, "code 3"),
        (leave, FAILED, "writes outside"),
        (follow, FAILED, "writes outside"),
        (lambda given, work: (given.parent / "outside.txt").unlink(), FAILED, "writes outside"),
        (lambda given, work: (given / "new").mkdir(), FAILED, "writes outside"),
        (lambda given, work: os.system("true"), FAILED, "starts a process"),
        (lambda given, work: subprocess.run(["true"], check=True), FAILED, "starts a process"),
        (lambda given, work: socket.create_connection(("127.0.0.1", 9)), FAILED, "connects"),
        (lambda given, work: canary.call("x"), FAILED, "called with"),
    ],
)
def test_what_a_case_must_not_do_is_caught(body, kind, said, tmp_path):
    found = outcome_of(body, tmp_path)
    assert (found.kind, said in found.what) == (kind, True), found


def test_a_case_does_not_hang_while_others_have_the_processor(tmp_path):
    processor = min(os.sched_getaffinity(0))

    def work(*_):
        os.sched_setaffinity(0, {processor})
        begun = time.process_time()
        while time.process_time() - begun < 0.3:
            pass

    busy = f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"
    rivals = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(4)]
    try:
        time.sleep(0.2)
        begun = time.monotonic()
        found = outcome_of(work, tmp_path, seconds=0.8)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert time.monotonic() - begun > 0.8 > found.seconds
    assert found.kind == SURVIVED, found


def test_a_few_hundred_cases_pass(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tools.fuzz", "cases=200", "seed=1", f"keep={tmp_path}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:-1]]
    assert {name for name, survived, refused, *_ in rows if int(survived) + int(refused)} == set(AREAS)
