"""Recordings in both domains, or trained on and held out, are told by name and count; nested folders are refused."""

import shutil
from pathlib import Path

import pytest
import soundfile

from melgan_vc.data.corpora import Folders, Table
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.overlaps import check_apart, check_both_given, report_changed
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.prepare import prepare
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.spec import ChunkSpec
from tests.commands import run_command
from tests.conftest import TINY, TINY_AUDIO, assert_one_line, hum


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two domains of three recordings each."""
    for domain, pitch in (("source", 200), ("target", 110)):
        (tmp_path / domain).mkdir()
        for number in range(3):
            soundfile.write(tmp_path / domain / f"{domain}{number}.wav", hum(0.6, 8000, pitch, number), 8000)
    return tmp_path / "source", tmp_path / "target"


def setup(folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> str:
    work = Work(workers=0, progress=False)
    data = ChunkDataModule(
        *map(str, folders), TINY_AUDIO, ChunkSpec(8), store=str(folders[0].parent / "p"), work=work,
        validation_share=0.4,
    )  # fmt: skip
    with caplog.at_level("WARNING"):
        data.setup()
    return caplog.text


def test_domains_of_their_own_are_not_warned_of(folders, caplog) -> None:
    assert not setup(folders, caplog)


def test_a_recording_in_both_domains_is_told(folders, caplog) -> None:
    shutil.copy(folders[0] / "source1.wav", folders[1] / "copied.wav")
    samples, rate = soundfile.read(folders[0] / "source2.wav", dtype="int16")
    soundfile.write(folders[1] / "other format.flac", samples, rate)
    told = setup(folders, caplog)
    assert "2 of 3 recordings of the source are in the target too (5 there)" in told
    assert "source1.wav and copied.wav" in told and "source2.wav and other format.flac" in told


@pytest.mark.parametrize("ending", ["mp3", "ogg"])
def test_copies_in_formats_that_lose_something_are_told(folders, caplog, ending) -> None:
    samples = hum(3, 8000, 200, 9)
    soundfile.write(folders[0] / "long.wav", samples, 8000)
    soundfile.write(folders[1] / f"copy.{ending}", samples, 8000)
    told = setup(folders, caplog)
    assert "1 of 4 recordings of the source are in the target too (4 there)" in told
    assert f"long.wav and copy.{ending}" in told


def test_the_same_recordings_are_told_to_teach_nothing(folders, caplog) -> None:
    assert "source and target are the same recordings" in setup((folders[0], folders[0]), caplog)


def test_a_recording_that_is_trained_on_and_held_out_is_told(folders, caplog) -> None:
    for number in range(3):
        samples, rate = soundfile.read(folders[0] / f"source{number}.wav", dtype="int16")
        for again in range(3):
            soundfile.write(folders[0] / f"again {number} {again}.flac", samples, rate, subtype="PCM_16" if again else
                            "PCM_24")  # fmt: skip
    told = setup(folders, caplog)
    assert "held-out recordings of the source are trained on under other names" in told
    assert "source0.wav and again" in told or "again 0 0.flac and" in told or "source" in told


@pytest.mark.parametrize("inside", ["her", "deep/er/her", "."])
@pytest.mark.parametrize("turned", [False, True])
def test_nested_folders_are_refused(folders, inside, turned) -> None:
    if inside != ".":
        shutil.copytree(folders[1], folders[0] / inside)
    both = [Folders(str(folders[0])), Folders(str(folders[0] / inside))]
    corpora = dict(zip(("target", "source") if turned else ("source", "target"), both, strict=True))
    with pytest.raises(UserError, match=r"so 3 recordings are in both; give two folders that lie side by side"):
        check_apart(corpora)


def test_a_link_to_the_other_folder_is_seen_and_neighbours_are_not(folders, tmp_path) -> None:
    (tmp_path / "link").symlink_to(folders[0])
    with pytest.raises(UserError, match="3 recordings are in both"):
        check_apart({"source": Folders(str(folders[0])), "target": Folders(str(tmp_path / "link"))})
    shutil.copytree(folders[1], folders[0] / ".hidden")
    check_apart({"source": Folders(str(folders[0])), "target": Folders(str(folders[0] / ".hidden"))})
    check_apart({"source": Folders(str(folders[0])), "target": Folders(str(folders[1]))})


def test_links_that_lead_in_a_circle_are_no_recordings_and_no_folders(folders, tmp_path) -> None:
    for path in (tmp_path / "circle", folders[0] / "circle.wav", folders[1] / "circle.wav"):
        path.symlink_to(path)
    inside = {"source": Folders(str(folders[0])), "target": Folders(str(folders[0].parent))}
    with pytest.raises(UserError, match="recordings are in both"):
        check_apart(inside)
    with pytest.raises(UserError, match="Too many levels of symbolic links"):
        Folders(str(tmp_path / "circle")).recordings()


def test_recordings_that_changed_since_the_training_are_told(caplog) -> None:
    now = {"source": "a", "target": "b"}
    for before in (None, {}, now, {"source": "a"}, "damaged"):
        report_changed(before, now)
    assert not caplog.text
    report_changed({"source": "a", "target": "c"}, now)
    assert "recordings of the target were added, removed or changed since this was trained" in caplog.text


DEFAULT = {"source": "bundled:voices/source", "target": "bundled:voices/target"}


def test_one_domain_alone_is_refused_unless_the_other_is_named() -> None:
    with pytest.raises(UserError, match=r"only data.source is given.*bundled:voices/target.*add data.target=FOLDER"):
        check_both_given(DEFAULT | {"source": "mine"}, ["data.source=mine"])
    with pytest.raises(UserError, match=r"only data\.target is given"):
        check_both_given(DEFAULT | {"target": ["one", "two"]}, ["data.target=[one,two]"])
    check_both_given(DEFAULT, [])
    check_both_given({"source": "mine", "target": "hers"}, ["data.source=mine", "data.target=hers"])
    for override in ("data.target=bundled:voices/target", "+data.target=bundled:voices/target"):
        check_both_given(DEFAULT | {"source": "mine"}, [override])


def test_a_recording_in_two_splits_is_told(folders, caplog) -> None:
    shutil.copy(folders[0] / "source1.wav", folders[0] / "z.wav")
    table = folders[0] / "all.csv"
    table.write_text("path,domain,split\nsource0.wav,source,train\nsource1.wav,source,train\nz.wav,source,test\n")
    work = Work(workers=0, progress=False)
    made = prepare(Table(str(table), "source"), TINY_AUDIO, folders[0] / "p", Preparation(), work)
    assert made is not None and len(made.items) == 2
    assert (
        "recordings are in two splits" in caplog.text
        and "(1 in all)" in caplog.text
        and "source1.wav (train) and z.wav (test)" in caplog.text
    )


def test_a_training_with_one_domain_alone_is_one_line(folders, tmp_path) -> None:
    done = run_command("train", "experiment=quickstart", f"data.target={folders[1]}", cwd=tmp_path)
    assert_one_line(done, "only data.target is given", "data.source=FOLDER")


def test_prepare_does_both_domains_and_counts_what_it_skips(folders, tmp_path) -> None:
    for number in range(25):
        (folders[0] / f"odd {number}\x1b[2J.wav").write_text(f"odd {number}")
    shutil.copy(folders[0] / "source0.wav", folders[0] / "z.wav")
    given = [f"data.source={folders[0]}", f"data.target={folders[1]}", f"data.store={tmp_path / 'p'}", *TINY[:4]]
    done = run_command("prepare", *given, "prepare.workers=0", cwd=tmp_path)
    assert_one_line(done, "25 of 29 recordings cannot be used, over the share of 0.5 that prepare.max_failed allows")
    assert "source: 3 of 29 recordings (25 cannot be used, 1 is a duplicate), 0.0 min\n" in done.stdout
    assert "target: 3 recordings, 0.0 min, in " in done.stdout
    assert all(f"/odd {number}\\x1b[2J.wav: " in done.stderr for number in range(25)) and "\x1b" not in done.stderr
