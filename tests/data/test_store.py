"""Recordings become a store once, whatever is among them, whoever does it, and however often it is killed."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio import decode
from melgan_vc.audio.io import read_mono
from melgan_vc.audio.mel import MelTransform
from melgan_vc.data import assembly, corpus, units
from melgan_vc.data import prepare as preparing
from melgan_vc.data.corpora import Folders
from melgan_vc.data.manifest import MANIFEST
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.splits import split_items
from melgan_vc.data.store import Arrays
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.audio import odd_files
from tests.conftest import ROOT, TINY_AUDIO, hum

QUIET = Work(workers=0, progress=False)
PLAIN = Preparation()


def prepare(folder, root, audio=TINY_AUDIO, preparation=PLAIN, work=QUIET):
    return preparing.prepare(Folders(str(folder)), audio, root, preparation, work)


def stores(root):
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def tree(root):
    """What is in the stores of a folder, by path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).parts[0].startswith(".")
    }


@pytest.fixture
def folder(two_domains, tmp_path):
    shutil.copytree(two_domains[0], tmp_path / "source")
    return tmp_path / "source"


def test_holds_the_mel_of_every_recording(two_domains, tmp_path):
    made = prepare(two_domains[0], tmp_path)
    assert [item.path for item in made.items] == ["a.wav", "b.flac", "nested/c.ogg", "nested/d.mp3"]
    front_end = MelTransform(TINY_AUDIO)
    for item in made.items:
        mel = front_end(torch.from_numpy(read_mono(two_domains[0] / item.path, TINY_AUDIO.sample_rate))).numpy().T
        assert made.mel(item).shape == mel.shape
        assert np.abs(made.mel(item) - mel).max() < 1e-3
    assert isinstance(made.arrays[0].base, np.memmap)


def test_second_start_prepares_nothing_and_a_touched_or_moved_folder_neither(folder, tmp_path, monkeypatch):
    root = tmp_path / "prepared"
    first = prepare(folder, root)
    os.utime(folder / "a.wav", (0, 0))
    monkeypatch.setattr(preparing, "assemble", lambda *_: pytest.fail("prepared again"))
    assert prepare(folder, root).folder == first.folder
    shutil.move(folder, tmp_path / "moved" / "source")
    assert prepare(tmp_path / "moved" / "source", root).folder == first.folder


def test_a_file_that_stays_is_not_read_again(folder, tmp_path, monkeypatch):
    root = tmp_path / "prepared"
    prepare(folder, root)
    read = []
    monkeypatch.setattr("hashlib.file_digest", lambda *given: read.append(given))
    prepare(folder, root)
    assert read == []


def test_a_changed_file_or_setting_prepares_again(folder, tmp_path):
    root = tmp_path / "prepared"
    prepare(folder, root)
    soundfile.write(folder / "a.wav", hum(1.0, 16000, 300, 9), 16000)
    changed = prepare(folder, root)
    assert changed.items[0].seconds == pytest.approx(1.0)
    prepare(folder, root, AudioSpec(8000, 128, 512, 32))
    prepare(folder, root, preparation=Preparation(mono="left"))
    assert len(stores(root)) == 4


def test_added_files_alone_are_prepared(folder, tmp_path, monkeypatch):
    root = tmp_path / "prepared"
    first = prepare(folder, root)
    soundfile.write(folder / "0 new.wav", hum(1.0, 16000, 300, 9), 16000)
    done = []
    plain = units.do
    monkeypatch.setattr("melgan_vc.data.workers.do", lambda unit, *rest: (done.append(unit), plain(unit, *rest)))
    second = prepare(folder, root)
    assert [[task.name for task in unit.tasks] for unit in done] == [["0 new.wav"]]
    shutil.rmtree(first.folder)
    whole = prepare(folder, tmp_path / "from the start")
    assert [item.path for item in second.items] == [item.path for item in whole.items]
    for one, other in zip(second.items, whole.items, strict=True):
        assert np.array_equal(second.mel(one), whole.mel(other))


def hostile(folder):
    """Good recordings of odd kinds, and what must not stop anybody; the names of both."""
    rng = np.random.default_rng(0)

    def noise(samples, *channels):
        return 0.1 * rng.standard_normal((samples, *channels)).astype(np.float32)

    soundfile.write(folder / "eight.wav", noise(8000), 8000, subtype="PCM_U8")
    soundfile.write(folder / "deep.wav", noise(8000), 8000, subtype="PCM_24")
    soundfile.write(folder / "high.wav", noise(96000), 96000)
    soundfile.write(folder / "six.wav", noise(8000, 6), 8000)
    soundfile.write(folder / "offset.wav", noise(8000) + 0.5, 8000, subtype="FLOAT")
    soundfile.write(folder / "short.wav", noise(80), 8000)
    soundfile.write(folder / "two lines\nand \U0001f3a4.wav", noise(8000), 8000)
    good = {path.name for path in folder.iterdir()}
    (folder / "empty.wav").touch()
    (folder / "words.wav").write_text("words")
    (folder / "bad\nname.wav").write_text("more words")
    soundfile.write(folder / "whole.mp3", noise(48000), 16000)
    data = (folder / "whole.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(data[: len(data) // 2])
    good.add("whole.mp3")
    for name, value in (("nan.wav", np.nan), ("inf.wav", np.inf)):
        samples = noise(8000)
        samples[4000] = value
        soundfile.write(folder / name, samples, 8000, subtype="FLOAT")
    os.mkfifo(folder / "pipe.wav")
    (folder / "nowhere.wav").symlink_to(folder / "gone.wav")
    (folder / "circle").symlink_to(folder)
    for number in (1, 2, 3):
        shutil.copy(folder / "eight.wav", folder / f"eight again {number}.wav")
    bad = {"bad\\nname.wav", "empty.wav", "words.wav", "cut.mp3", "nan.wav", "inf.wav", "pipe.wav", "nowhere.wav"}
    return good, bad | {f"eight again {number}.wav" for number in (2, 3)} | {"eight.wav"}


def test_a_hostile_folder_gives_its_good_recordings_and_names_the_others(tmp_path, caplog):
    folder = tmp_path / "source"
    folder.mkdir()
    good, bad = hostile(folder)
    with caplog.at_level("WARNING"):
        made = prepare(folder, tmp_path / "prepared", work=Work(workers=0, max_failed=0.5, progress=False))
    assert {item.path for item in made.items} == good - {"eight.wav"} | {"eight again 1.wav"}
    for item in made.items:
        assert np.isfinite(made.mel(item)).all()
    lines = caplog.text.splitlines()
    for name in bad:
        assert sum(f"/{name}: " in line for line in lines) == 1, name
    assert f"{len(bad)} of {len(good) + len(bad)} recordings are not used" in caplog.text


def test_too_many_failures_are_an_error_and_what_is_done_stays(folder, tmp_path):
    for number in range(2):
        (folder / f"words {number}.wav").write_text(f"words {number}")
    root = tmp_path / "prepared"
    with pytest.raises(UserError, match=r"2 of 6 recordings cannot be used.*prepare.max_failed.*words 0\.wav"):
        prepare(folder, root, work=Work(workers=0, max_failed=0.3, progress=False))
    assert len(prepare(folder, root, work=Work(workers=0, max_failed=0.4, progress=False)).items) == 4


def test_a_full_disk_is_told_and_what_is_done_stays(folder, tmp_path, monkeypatch):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(units, "write_lines", full)
    with pytest.raises(UserError, match=rf"{tmp_path / 'prepared'}: the disk is full; free some space"):
        prepare(folder, tmp_path / "prepared")
    monkeypatch.undo()
    assert len(prepare(folder, tmp_path / "prepared").items) == 4


@pytest.fixture
def many(tmp_path):
    """Recordings for several units."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", hum(0.5 + number % 3, 8000, 100 + 10 * number, number), 8000)
    return folder


@pytest.fixture
def small_units(monkeypatch):
    monkeypatch.setattr(units, "UNIT_BYTES", 30000)


def test_the_number_of_processes_and_of_shards_changes_nothing(many, small_units, tmp_path):
    alone = prepare(many, tmp_path / "alone")
    assert len(list(alone.folder.glob("mels-*.npy"))) > 2
    prepare(many, tmp_path / "two", work=Work(workers=2, progress=False))
    for shard in ("2/2", "1/2"):
        made = prepare(many, tmp_path / "shards", work=Work(workers=0, shard=shard, progress=False))
        assert (made is None) == (shard == "2/2")
    expected = tree(tmp_path / "alone")
    assert len(expected) > 3
    assert expected == tree(tmp_path / "two") == tree(tmp_path / "shards")


def test_what_workers_tell_is_logged_by_the_process_that_has_the_terminal(many, tmp_path, caplog, capfd):
    odd_files.write("wav whose header was written early", many)
    decode.TOLD.clear()
    prepare(many, tmp_path / "two", work=Work(workers=2, progress=False))
    told = [record.getMessage() for record in caplog.records if "says 1.00 s" in record.getMessage()]
    assert len(told) == 1 and "wav whose header was written early" in told[0]
    assert "says 1.00 s" not in capfd.readouterr().err


def test_a_killed_preparation_goes_on(many, small_units, tmp_path, monkeypatch):
    prepare(many, tmp_path / "whole")
    plain = units.do

    tried = []

    def killed(unit, *rest):
        tried.append(unit.number)
        if len(tried) == 3:
            raise KeyboardInterrupt
        plain(unit, *rest)

    monkeypatch.setattr("melgan_vc.data.workers.do", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(many, tmp_path / "cut")
    assert stores(tmp_path / "cut") == []
    done = []
    monkeypatch.setattr("melgan_vc.data.workers.do", lambda unit, *rest: (done.append(unit.number), plain(unit, *rest)))
    prepare(many, tmp_path / "cut")
    assert len(done) == len(list((tmp_path / "whole").glob("*/mels-*.npy"))) - 2
    assert set(done).isdisjoint(tried[:2])
    assert tree(tmp_path / "whole") == tree(tmp_path / "cut")


def test_a_kill_at_the_very_end_loses_nothing(many, tmp_path, monkeypatch):
    prepare(many, tmp_path / "whole")
    monkeypatch.setattr(assembly, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(many, tmp_path / "cut")
    monkeypatch.undo()
    monkeypatch.setattr("melgan_vc.data.workers.do", lambda *_: pytest.fail("prepared again"))
    prepare(many, tmp_path / "cut")
    assert tree(tmp_path / "whole") == tree(tmp_path / "cut")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_workers_end_with_the_process_that_is_killed(many, tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from melgan_vc.data import corpora, prepare, units, work\n"
        "from tests.conftest import TINY_AUDIO\n"
        "if __name__ == '__main__':\n"
        "    units.UNIT_BYTES = 1\n"
        "    folder, root = map(Path, sys.argv[1:])\n"
        "    two = work.Work(workers=2, progress=False)\n"
        "    while True:\n"
        "        prepare.prepare(corpora.Folders(str(folder)), TINY_AUDIO, root / str(time.time()), work=two)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(many), str(tmp_path / "root")], env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as running:
        until = time.monotonic() + 60
        while not list((tmp_path / "root").glob("*/*/mels-*.npy")) and time.monotonic() < until:
            time.sleep(0.05)
        group = members(os.getpgid(running.pid), str(many))
        running.send_signal(signal.SIGKILL)
        running.wait()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in group) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in group)


def members(group, word):
    """Processes of a group whose command line has a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group and word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_name_that_is_not_unicode_is_kept(two_domains, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9.wav")
    shutil.copy(two_domains[0] / "a.wav", folder / name)
    made = prepare(folder, tmp_path / "prepared")
    assert [item.path for item in made.items] == [name]
    assert split_items(made.items, 10, 0.1).train


def test_the_manifest_says_what_a_recording_is_like(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    samples = np.sin(2 * np.pi * 200 * np.arange(16000) / 8000).astype(np.float32)
    samples[8000:] = 0.25 * samples[8000:]
    soundfile.write(folder / "a.wav", np.clip(1.5 * samples, -1, 1), 8000, subtype="FLOAT")
    made = prepare(folder, tmp_path / "prepared")
    (item,) = made.items
    assert (item.seconds, item.peak, item.gain, item.removed) == (2.0, 1.0, 1.0, 0.0)
    assert item.clipped == pytest.approx(0.27, abs=0.03)
    assert item.level == pytest.approx(10 * np.log10(np.mean(np.clip(1.5 * samples, -1, 1) ** 2)), abs=0.01)
    _, line, *_ = [json.loads(text) for text in (made.folder / MANIFEST).read_text().splitlines()]
    assert line["path"] == "a.wav"


def test_only_so_many_arrays_are_open(many, small_units, tmp_path):
    made = prepare(many, tmp_path / "prepared")
    mels = [made.mel(item) for item in made.items]
    made = replace(made, arrays=Arrays(made.folder, most=2))
    for _ in range(2):
        found = [made.mel(item).copy() for item in made.items]
        assert len(made.arrays.mapped) == 2
    assert all(np.array_equal(one, mel) for one, mel in zip(found, mels, strict=True))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"workers": -1}, "prepare.workers is -1"),
        ({"memory_gb": 0}, "prepare.memory_gb is 0"),
        ({"max_failed": "x"}, "prepare.max_failed is 'x'"),
        ({"shard": "3/2"}, "prepare.shard is '3/2': give i/n"),
    ],
)
def test_wrong_settings_are_refused(given, words):
    with pytest.raises(UserError, match=words):
        Work(**given)


def test_find_sees_nested_links_and_no_hidden_files(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("b.wav", "x/a.MP3", ".hidden.wav", "note.txt"):
        (tmp_path / name).touch()
    (tmp_path / "x" / "circle").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in corpus.find(tmp_path)]
    assert found == ["b.wav", "x/a.MP3"]


def test_a_link_to_a_folder_around_the_recordings_does_not_bring_in_what_lies_beside_them(tmp_path, caplog):
    folder = tmp_path / "mine" / "nested"
    folder.mkdir(parents=True)
    for path in (folder / "a.wav", tmp_path / "other.wav", tmp_path / "mine" / "beside.wav"):
        path.touch()
    (folder / "up").symlink_to("..")
    (folder / "far up").symlink_to(tmp_path)
    (tmp_path / "link to it").symlink_to(folder)
    for given in (folder, tmp_path / "link to it"):
        caplog.clear()
        assert corpus.find(given) == [given / "a.wav"]
        assert caplog.text.count("is a link to a folder around it") == 2


def test_several_folders_are_one_domain(two_domains):
    found = Folders([str(folder) for folder in two_domains]).recordings()
    assert len(found) == sum(len(corpus.find(folder)) for folder in two_domains)
    assert {name.partition("/")[0] for name in found} == {"1-source", "2-target"}


def test_folders_without_recordings_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        corpus.find(tmp_path / "none")
    (tmp_path / "memo.txt").touch()
    with pytest.raises(UserError, match=r"no recordings found \(1 other files are there\)"):
        corpus.find(tmp_path)
    with pytest.raises(UserError, match=r"names no folder"):
        corpus.locate_all([])


def test_bundled_folders_are_there():
    for name in ("voices/source", "voices/target", "music/source", "music/target"):
        assert len(corpus.find(corpus.locate(f"bundled:{name}"))) > 5
