"""Closed, broken and strange streams end a command quietly or not at all, and log lines keep off progress bars."""

import errno
import io
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from melgan_vc import cli, terminal
from melgan_vc.errors import UserError, explain_os_error
from tests.conftest import ROOT


@pytest.mark.parametrize("buffering", [-1, 1])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_went_away_ends_a_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stream: str, buffering: int
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=buffering) as broken:  # noqa: PTH123  (a descriptor)
        monkeypatch.setattr(sys, stream, broken)
        with pytest.raises(SystemExit) as ended, cli.explained():
            print("x", file=broken)
        assert ended.value.code == 141
        monkeypatch.undo()
    assert capsys.readouterr() == ("", "")


def test_a_broken_pipe_elsewhere_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, cli.explained():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert ended.value.code == 1 and "has ended" in capsys.readouterr().err


def test_an_error_that_nobody_reads_keeps_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:  # noqa: PTH123  (a descriptor)
        monkeypatch.setattr(sys, "stderr", broken)
        with pytest.raises(SystemExit) as ended, cli.explained():
            raise UserError("x")
        assert ended.value.code == 1


def test_closed_descriptors_are_not_given_to_files(tmp_path: Path) -> None:
    program = "import os, sys; from melgan_vc import terminal; terminal.open_standard_streams(); print('lost')\n"
    program += "sys.stderr.write('lost'); assert sys.stdin.read() == ''; open('x', 'w').write(str(os.dup(0)))"
    line = f'exec 0<&- 1>&- 2>&-; {sys.executable} -c "$0"'
    done = subprocess.run(["sh", "-c", line, program], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and (tmp_path / "x").read_text().isdigit() and int((tmp_path / "x").read_text()) > 2


def test_a_notebooks_streams_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cell(io.TextIOBase):
        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

    cell = Cell()
    monkeypatch.setattr(sys, "stdout", cell)
    monkeypatch.setattr(sys, "stderr", cell)
    terminal.open_standard_streams()
    with pytest.raises(SystemExit), cli.explained():
        terminal.say("wrote \x1b[31m")
        raise UserError("a\x1b[2J.wav: is empty")
    assert cell.text == "wrote \\x1b[31m\nerror: a\\x1b[2J.wav: is empty\n"


def test_log_lines_clear_the_bar_and_escape_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", screen := Screen())
    log = logging.Logger("x")
    log.addHandler(terminal.LogHandler())
    with terminal.Bar(total=4, desc="a\x1b", delay=0, ncols=60, mininterval=0) as bar:
        bar.update(2)
        log.warning("warning: %s\n  two lines", "b\x1b[31m\r.wav")
        bar.update(4)
        assert bar.total == 6
    lines = screen.getvalue().split("\n")
    assert lines[0].endswith("\rwarning: b\\x1b[31m\\r.wav") and lines[1] == "  two lines"
    assert "\x1b" not in lines[0] and lines[0].startswith("\ra\\x1b: ")


def test_a_bar_shows_the_time_left_in_days_or_to_the_end_of_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with terminal.Bar(total=10**9, delay=0, ncols=100, disable=False, initial=5) as bar:
        assert "[00:00<?, " in str(bar)
        bar.start_t -= 8.0
        bar.n = 25
        assert "25/1000000000 [00:08<4,630 days," in str(bar)
        bar.end = time.monotonic() + 63.5
        assert "[00:08<01:03," in str(bar)
        bar.total = 30
        assert "[00:08<00:02," in str(bar), "the work is done before"
        bar.end = time.monotonic() - 1
        assert "[00:08<00:00," in str(bar)
    assert terminal.duration(99.5 * 3600) == "99:30:00"
    with terminal.Bar(delay=0, ncols=100, disable=False) as bar:
        assert str(bar).startswith("0it [00:00,"), "nobody knows how much there is"


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    for _ in terminal.Bar(range(9), delay=0):
        pass
    assert not file.getvalue()


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "denied"), (errno.EROFS, "read-only"), (errno.ENOTSUP, "")],
)
def test_what_the_system_refuses_is_told_with_what_to_do(number: int, said: str) -> None:
    line = explain_os_error(OSError(number, os.strerror(number), ".x.part"), "x.wav")
    assert line.startswith("x.wav: ") and said in line and ".part" not in line
