"""Files appear complete or not at all, whatever their names, and names never lead out of their folder."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from melgan_vc import temporary
from melgan_vc.errors import UserError
from melgan_vc.files import Originals, alone, open_lock, output_path, replacing, same_file
from melgan_vc.temporary import remove_abandoned
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["a.wav", "n" * 251 + ".wav", "é" * 125 + ".wav", "音" * 83 + ".wav", "-\x1b[1m\n"])
def test_a_file_of_any_name_appears_when_it_is_complete(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / "folder" / name
    with replacing(path, durable=True) as part:
        assert part.parent == path.parent and part.read_bytes() == b"" and not path.exists()
        part.write_text("complete")
    assert path.read_text() == "complete" and list(path.parent.iterdir()) == [path]
    with pytest.raises(ZeroDivisionError), replacing(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "complete" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["n" * 256, "é" * 128, "a\0b", "/".join(["n" * 200] * 21)])
def test_a_name_that_no_file_can_have_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="name"), replacing(tmp_path / name):
        raise AssertionError("the work began")
    assert not list(tmp_path.iterdir())


def test_links_are_replaced_and_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "original").write_text("original")
    (tmp_path / "link").symlink_to("original")
    with replacing(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "original").read_text() == "original"
    assert (tmp_path / "link").read_text() == "new" and not (tmp_path / "link").is_symlink()


def test_threads_write_the_same_file_side_by_side(tmp_path: Path) -> None:
    def write(text: str) -> None:
        with replacing(tmp_path / "a") as part:
            part.write_text(text)
            time.sleep(0.01)

    threads = [threading.Thread(target=write, args=[str(number) * 1000]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "a").read_text())) == 1 and len(list(tmp_path.iterdir())) == 1


def test_temporary_files_of_killed_processes_are_removed_and_no_others(tmp_path: Path) -> None:
    writing = "import sys, pathlib; from melgan_vc.files import replacing\n"
    writing += "with replacing(pathlib.Path('a.wav')): print('writing', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", writing],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"writing\n"
        remove_abandoned(tmp_path)
        (part,) = tmp_path.iterdir()  # its process lives
        other.send_signal(signal.SIGKILL)
    names = ["a.part", ".a.part", ".a.wav.part", f".a.{os.getpid()}.part", ".new.99999999.part", "b.wav"]
    kept = [tmp_path / name for name in names] + [tmp_path / f".a.wav.{'0' * 8}-{'0' * 8}.part"]  # another host's
    for path in kept:
        path.touch()
    (tmp_path / f".link.{temporary.host()}-{'0' * 8}.part").symlink_to("b.wav")
    (tmp_path / f".folder.{temporary.host()}-{'0' * 8}.part").mkdir()
    long_ago = [tmp_path / ".old.99999999.part", tmp_path / f".a.wav.{'1' * 8}-{'0' * 8}.part"]
    for path in long_ago:
        path.touch()
        os.utime(path, (1, 1))
    before = set(tmp_path.iterdir())
    remove_abandoned(tmp_path)
    assert before - set(tmp_path.iterdir()) == {part, *long_ago}


def test_a_write_cleans_up_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / f".b.wav.{temporary.host()}-{'0' * 8}.part"
    left.touch()
    with replacing(tmp_path / "a.wav") as part:
        part.touch()
    assert not left.exists()


@pytest.mark.parametrize("kind", ["link", "nothing", "folder", "pipe"])
def test_a_lock_that_is_no_plain_file_is_refused_and_what_it_points_to_is_untouched(tmp_path: Path, kind: str) -> None:
    lock, original = tmp_path / ".lock", tmp_path / "original"
    original.write_text("original")
    if kind in ("link", "nothing"):
        lock.symlink_to("original" if kind == "link" else "nothing")
    elif kind == "folder":
        lock.mkdir()
    else:
        os.mkfifo(lock)
    with pytest.raises(UserError, match="remove it"):
        open_lock(lock)
    assert original.read_text() == "original" and not (tmp_path / "nothing").exists()


def test_a_lock_keeps_its_content_and_is_free_afterwards(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("content")
    for _ in range(2):
        with alone(tmp_path / "lock"):
            pass
    assert (tmp_path / "lock").read_text() == "content"


def test_the_same_file_is_known_by_all_its_names(tmp_path: Path) -> None:
    original = tmp_path / "a.wav"
    original.touch()
    (tmp_path / "link").symlink_to("a.wav")
    (tmp_path / "hard").hardlink_to(original)
    (tmp_path / "folder").symlink_to(tmp_path)
    (tmp_path / "x").mkdir()
    names = [tmp_path / "link", tmp_path / "hard", tmp_path / "folder" / "a.wav", tmp_path / "x" / ".." / "a.wav"]
    originals = Originals([original, tmp_path / "gone"])
    for name in names:
        with pytest.raises(UserError, match="is an input of this command"):
            originals.refuse(name)
    for name in ("new", "x", "gone"):
        originals.refuse(tmp_path / name)
    assert same_file(names[0], names[1]) and not same_file(original, tmp_path / "new")
    assert same_file(tmp_path / "new", tmp_path / "folder" / "new")


@pytest.mark.parametrize(
    "name", ["a.wav", "ü/d e.wav", "音 (1), take 2.wav", "a/b/c", "v1.2~x.ogg", "e\u0301", "👩\u200d🚀"]
)
def test_plain_names_stay_as_they_are(tmp_path: Path, name: str) -> None:
    assert output_path(tmp_path, name) == tmp_path / name


def test_names_never_leave_the_folder_and_different_ones_stay_different(tmp_path: Path) -> None:
    names = [".", "..", "/", "../a.wav", "../../a.wav", "/a.wav", "//a.wav", "a//b.wav", "./a.wav", "a/../b.wav", "~/a"]
    names += [
        "~a",
        "C:\\a.wav",
        "C:a.wav",
        "..\\a.wav",
        "a\\b.wav",
        "a_b.wav",
        "a\0b.wav",
        "a\x1b[31m.wav",
        "a\u202eb.wav",
    ]
    names += ["-rf.wav", "_-rf.wav", ".hidden.wav", ".wav", "a.", "a", "con", "CON.wav", "com1.tar.gz", "nul", "a?.wav"]
    names += ["a*.wav", "\udcff.wav", "\udcfe.wav", "file:///a.wav", "s3://x/a.wav"]
    names += ["", "a ", " a.wav", "a\nb.wav", "n" * 300 + ".wav", "n" * 301 + ".wav", "音" * 100 + ".wav", "a" * 255]
    names += ["a" * 256, "x/" * 600 + "a.wav", "x/" * 601 + "a.wav", "n" * 300 + "/a.wav", "n" * 301 + "/a.wav"]
    names += [str(output_path(tmp_path, name).relative_to(tmp_path)) for name in names]  # taken literally
    names = sorted(set(names))
    assert len({str(output_path(tmp_path, name)).casefold() for name in names}) == len(names)
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        path = output_path(folder, name)
        assert Path(os.path.realpath(path)).is_relative_to(folder) and path != folder
        assert all(part.isprintable() and part[0] not in "-.~ " for part in path.relative_to(folder).parts), name
        assert path.suffix == ".wav" or not name.endswith(".wav"), name
        with replacing(path) as part:
            part.touch()


def test_a_subfolder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "inside").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path)
    (tmp_path / "out" / "b").symlink_to("inside")
    with pytest.raises(UserError, match="leads out of"):
        output_path(tmp_path / "out", "a/x.wav")
    assert output_path(tmp_path / "out", "b/x.wav") == tmp_path / "out" / "b" / "x.wav"


def test_what_the_system_refuses_keeps_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as told, replacing(tmp_path / "file" / "a.wav"):
        pass
    assert told.value.errno in (errno.ENOTDIR, errno.EEXIST)
