"""Damaged stores, plans and memories are made again; recordings that change meanwhile are noticed."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgan_vc.data import assembly, digests, units
from melgan_vc.data import prepare as preparing
from melgan_vc.data.corpora import Folders
from melgan_vc.data.manifest import MANIFEST
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.store import MelStore
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from tests.conftest import TINY_AUDIO, hum
from tests.data import crashing

QUIET = Work(workers=0, progress=False)
ARRAY = "mels-00000.npy"


def prepare(folder: Path, root: Path, work: Work = QUIET) -> MelStore:
    made = preparing.prepare(Folders(str(folder)), TINY_AUDIO, root, Preparation(), work)
    assert made is not None
    return made


def mels(made: MelStore) -> dict[str, np.ndarray]:
    return {item.path: np.array(made.mel(item)) for item in made.items}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    """Four recordings."""
    folder = tmp_path / "voices"
    folder.mkdir()
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", hum(0.5 + 0.1 * number, 8000, 120 + 20 * number, number), 8000)
    return folder


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(10))


def without_its_last_lines(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))


def without_a_line(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[2:]]))


def garbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x41
    path.write_bytes(data)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def huge(path: Path) -> None:
    path.write_text(path.read_text().replace('"offset": 0', '"offset": ' + "9" * 5000))


def negative(path: Path) -> None:
    path.write_text(path.read_text().replace('"offset": 0', '"offset": -1'))


def not_a_number(path: Path) -> None:
    path.write_text(path.read_text().replace('"gain": 1.0', '"gain": NaN'))


def another_name(path: Path) -> None:
    path.write_text(path.read_text().replace("1.wav", "../1.wav"))


def not_unicode(path: Path) -> None:
    path.write_bytes(b"\xff" + path.read_bytes())


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


def a_pipe(path: Path) -> None:
    """Whose reader would wait for ever."""
    path.unlink()
    os.mkfifo(path)


def a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def another_digit(path: Path) -> None:
    """In a value that nothing else tells, such as a level."""
    text = path.read_text()
    place = text.index('"level": -') + len('"level": -')
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


TEXTS = (emptied, cut, without_its_last_lines, without_a_line, deep, huge, negative, not_a_number, another_name,
         not_unicode, a_folder, gone, zeroed, a_pipe, a_circle, another_digit)  # fmt: skip
ARRAYS = (emptied, cut, longer, garbled, zeroed, a_folder, gone, a_pipe, a_circle)


@pytest.mark.parametrize(("name", "damage"), [*((MANIFEST, one) for one in TEXTS), *((ARRAY, one) for one in ARRAYS)])
def test_a_damaged_store_is_made_again(voices, tmp_path, caplog, name, damage) -> None:
    made = prepare(voices, tmp_path / "p")
    expected = mels(made)
    damage(made.folder / name)
    with caplog.at_level("WARNING"):
        again = prepare(voices, tmp_path / "p")
    assert_same(mels(again), expected)
    assert (again.folder, again.content) == (made.folder, made.content)
    assert caplog.text.count(f"{made.folder}: the prepared mels are damaged") == 1
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        ".hashes.json", ".locks", ".verified.json", made.folder.name,
    ]  # fmt: skip
    caplog.clear()
    prepare(voices, tmp_path / "p")
    assert not caplog.text


def test_a_file_in_the_place_of_a_store_is_replaced(voices, tmp_path) -> None:
    made = prepare(voices, tmp_path / "p")
    expected = mels(made)
    shutil.rmtree(made.folder)
    made.folder.write_text("mine")
    assert_same(mels(prepare(voices, tmp_path / "p")), expected)


def test_what_is_in_the_place_of_an_unfinished_store_is_replaced(voices, tmp_path) -> None:
    made = prepare(voices, tmp_path / "p")
    expected = mels(made)
    shutil.rmtree(made.folder)
    made.folder.with_name(f".{made.folder.name}.part").write_text("mine")
    assert_same(mels(prepare(voices, tmp_path / "p")), expected)


def test_a_damaged_value_in_a_plan_is_noticed(voices, tmp_path, monkeypatch) -> None:
    prepare(voices, tmp_path / "p")
    another(voices / "new.wav")
    monkeypatch.setattr(assembly, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(voices, tmp_path / "p")
    monkeypatch.undo()
    another_digit(next((tmp_path / "p").glob(f".*.part/{assembly.PLAN}")))
    levels = ({item.path: item.level for item in prepare(voices, tmp_path / one).items} for one in ("p", "other"))
    assert next(levels) == next(levels)


def test_what_is_whole_of_a_damaged_store_is_taken_over(voices, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    made = prepare(voices, tmp_path / "p")
    expected = mels(made)
    garbled(made.folder / ARRAY)
    done = []
    plain = units.do
    monkeypatch.setattr("melgan_vc.data.workers.do", lambda unit, *rest: (done.append(unit), plain(unit, *rest)))
    assert_same(mels(prepare(voices, tmp_path / "p")), expected)
    assert [[task.name for task in unit.tasks] for unit in done] == [["0.wav"]]


@pytest.mark.parametrize("damage", ARRAYS)
def test_a_damaged_older_store_does_not_block_a_new_one(voices, tmp_path, damage) -> None:
    made = prepare(voices, tmp_path / "p")
    damage(made.folder / ARRAY)
    soundfile.write(voices / "new.wav", hum(0.5, 8000, 300, 9), 8000)
    assert_same(mels(prepare(voices, tmp_path / "p")), mels(prepare(voices, tmp_path / "other")))


def test_a_store_without_checksums_is_used_unless_its_values_are_damaged(voices, tmp_path, caplog) -> None:
    """As older versions left them."""
    made = prepare(voices, tmp_path / "p")
    expected = mels(made)
    path = made.folder / MANIFEST
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if '"crc32"' not in line))
    assert_same(mels(prepare(voices, tmp_path / "p")), expected)
    assert not caplog.text
    (made.folder / ARRAY).write_bytes((made.folder / ARRAY).read_bytes()[:-2] + b"\x00\x7e")  # NaN
    assert_same(mels(prepare(voices, tmp_path / "p")), expected)
    assert f"{ARRAY} holds NaN or infinite values" in caplog.text


@pytest.fixture
def killed(voices, tmp_path, monkeypatch):
    """The folder of a preparation that was killed before its end."""
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    monkeypatch.setattr(assembly, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        prepare(voices, tmp_path / "p")
    monkeypatch.undo()
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    return next((tmp_path / "p").glob(".*.part"))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("items-00001.jsonl", one) for one in TEXTS),
        *(
            (assembly.PLAN, one)
            for one in (emptied, cut, deep, not_unicode, another_name, a_folder, gone, zeroed, a_pipe, a_circle)
        ),
        *(("mels-00001.npy", one) for one in ARRAYS),
    ],
)
def test_a_damaged_preparation_is_resumed_as_far_as_it_is_whole(voices, tmp_path, killed, name, damage) -> None:
    damage(killed / name)
    assert_same(mels(prepare(voices, tmp_path / "p")), mels(prepare(voices, tmp_path / "other")))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "[" * 100_000, "{", "nonsense", '{"PATH": 1}', '{"PATH": [[1, 2], "x"]}', '{"PATH": [STAMP, 5]}',
     '{"PATH": [STAMP, "short"]}', '{"PATH": [STAMP, "' + "Z" * 64 + '"]}', '{"PATH": null}'],
)  # fmt: skip
def test_bad_entries_in_the_memory_of_hashes_are_dropped(voices, tmp_path, text) -> None:
    expected = prepare(voices, tmp_path / "p")
    found = (voices / "0.wav").stat()
    stamp = json.dumps([found.st_size, found.st_mtime_ns, found.st_ctime_ns])
    memory = tmp_path / "p" / preparing.HASHES
    memory.write_text(text.replace("PATH", str(voices / "0.wav")).replace("STAMP", stamp))
    (tmp_path / "p" / preparing.VERIFIED).write_text(text)
    assert prepare(voices, tmp_path / "p").content == expected.content


def test_a_garbled_hash_in_the_memory_is_not_believed(voices, tmp_path) -> None:
    expected = prepare(voices, tmp_path / "p")
    memory = tmp_path / "p" / preparing.HASHES
    (voices / "0.wav").touch()
    prepare(voices, tmp_path / "p")
    entries = json.loads(memory.read_text())
    for found in entries.values():
        found[1] = "0" * 8 + found[1][8:]
    memory.write_text(json.dumps(entries))
    assert prepare(voices, tmp_path / "p").content == expected.content


def test_the_memory_of_hashes_forgets_files_that_are_gone(voices, tmp_path) -> None:
    prepare(voices, tmp_path / "p")
    (voices / "0.wav").unlink()
    (voices / "1.wav").touch()
    prepare(voices, tmp_path / "p")
    places = json.loads((tmp_path / "p" / preparing.HASHES).read_text())
    assert sorted(places) == [str((voices / f"{number}.wav").resolve()) for number in (1, 2, 3)]


def test_too_many_open_files_while_hashing_is_no_fault_of_the_recordings(voices, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *_: (_ for _ in ()).throw(OSError(24, "Too many")))
    with pytest.raises(UserError, match="too many files are open; raise the limit"):
        prepare(voices, tmp_path / "p")


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, change) -> None:
    """Do something to a recording after it was decoded and before it is written down."""
    plain = units.append

    def append(file, recording, meter):
        frames = plain(file, recording, meter)
        if recording.path.name == name:
            change(recording.path)
        return frames

    monkeypatch.setattr(units, "append", append)


def another(path: Path) -> None:
    soundfile.write(path, hum(0.7, 8000, 300, 9), 8000)


@pytest.mark.parametrize(
    ("change", "words"), [(another, "changed while it was prepared"), (gone, "No such file"), (cut, "changed while")]
)
def test_a_recording_that_changes_meanwhile_is_not_stored_under_its_old_hash(
    voices, tmp_path, caplog, monkeypatch, change, words
) -> None:
    meanwhile(monkeypatch, "1.wav", change)
    made = prepare(voices, tmp_path / "p")
    assert [item.path for item in made.items] == ["0.wav", "2.wav", "3.wav"]
    assert words in made.left_out["1.wav"] and f"{voices / '1.wav'}: " in caplog.text
    monkeypatch.undo()
    another(voices / "1.wav")
    done = []
    plain = units.do
    monkeypatch.setattr("melgan_vc.data.workers.do", lambda unit, *rest: (done.append(unit), plain(unit, *rest)))
    again = prepare(voices, tmp_path / "p")
    assert_same(mels(again), mels(prepare(voices, tmp_path / "other")))
    assert [task.name for task in done[0].tasks] == ["1.wav"]
    assert again.content != made.content


def test_a_recording_that_is_only_touched_meanwhile_is_kept(voices, tmp_path, monkeypatch) -> None:
    meanwhile(monkeypatch, "1.wav", lambda path: os.utime(path, (0, 0)))
    assert len(prepare(voices, tmp_path / "p").items) == 4


def test_a_recording_that_changes_while_it_is_hashed_is_named(voices, tmp_path, monkeypatch) -> None:
    plain = __import__("hashlib").file_digest

    def digest(file, kind):
        if file.name.endswith("1.wav"):
            another(Path(file.name))
        return plain(file, kind)

    monkeypatch.setattr("hashlib.file_digest", digest)
    made = prepare(voices, tmp_path / "p")
    assert "changed while it was read" in made.left_out["1.wav"]
    assert len(made.items) == 3


@pytest.mark.parametrize("error", [ValueError("odd"), AttributeError("odd"), OSError(5, "Input/output error"),
                                   MemoryError(), UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "odd")])  # fmt: skip
def test_whatever_fails_in_one_recording_leaves_the_others(voices, tmp_path, monkeypatch, error) -> None:
    plain = units.RecordingMel.blocks

    def blocks(recording):
        yield from plain(recording)
        if recording.path.name == "1.wav":
            raise error

    monkeypatch.setattr(units.RecordingMel, "blocks", blocks)
    made = prepare(voices, tmp_path / "p")
    assert [item.path for item in made.items] == ["0.wav", "2.wav", "3.wav"]
    assert f"{voices / '1.wav'}: cannot be decoded ({type(error).__name__}" in made.left_out["1.wav"]


def test_what_concerns_all_recordings_ends_the_preparation(voices, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(units.RecordingMel, "blocks", lambda _: (_ for _ in ()).throw(OSError(24, "Too many")))
    with pytest.raises(UserError, match=f"{tmp_path / 'p'}: too many files are open; raise the limit"):
        prepare(voices, tmp_path / "p")


def test_samples_beyond_all_numbers_are_a_fault_of_their_recording(voices, tmp_path) -> None:
    soundfile.write(voices / "huge.wav", 1e35 * np.ones(4000), 8000, subtype="FLOAT")
    made = prepare(voices, tmp_path / "p")
    assert len(made.items) == 4
    assert "huge.wav: its samples are too large to be sound" in made.left_out["huge.wav"]


def test_recordings_that_end_their_process_are_named_and_the_others_are_prepared(voices, tmp_path, monkeypatch) -> None:
    for number in (1, 2):
        soundfile.write(voices / f"deadly {number}.wav", hum(0.5, 8000, 90, 20 + number), 8000)
    monkeypatch.setattr(units, "UNIT_BYTES", 30_000)
    monkeypatch.setattr("melgan_vc.data.workers.do_in_worker", crashing.do_in_worker)
    made = prepare(voices, tmp_path / "p", Work(workers=2, progress=False))
    assert [item.path for item in made.items] == [f"{number}.wav" for number in range(4)]
    assert all("ended the process" in made.left_out[f"deadly {number}.wav"] for number in (1, 2))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_in_the_place_of_memories_is_lived_with(voices, tmp_path, make) -> None:
    (tmp_path / "p").mkdir()
    for name in (preparing.HASHES, preparing.VERIFIED):
        make(tmp_path / "p" / name)
    assert len(prepare(voices, tmp_path / "p").items) == 4
