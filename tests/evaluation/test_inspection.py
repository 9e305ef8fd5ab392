"""python -m melgan_vc.inspect on recordings with known faults: what is found, and the page that shows it."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from melgan_vc.audio.stream import front_end
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.work import Work
from melgan_vc.evaluation.inspection import Listening, inspect
from melgan_vc.spec import ChunkSpec
from tests.commands import run_command
from tests.conftest import ROOT, TINY_AUDIO, assert_one_line, hum

RATE = 16000
VOICES = ROOT / "melgan_vc" / "bundled" / "voices"


def sentence(domain: str, number: int) -> np.ndarray:
    return soundfile.read(VOICES / domain / f"{number:04d}.ogg", dtype="float32")[0]


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The report on two domains with faults, and what was printed."""
    root = tmp_path_factory.mktemp("faulty")
    source, target = root / "source & <b>", root / "target"
    source.mkdir()
    target.mkdir()
    for number in (1, 2, 3):
        soundfile.write(source / f"{number}.wav", sentence("source", number), RATE)
        soundfile.write(target / f"{number}.wav", sentence("target", number), RATE)
    noise = np.random.default_rng(0).normal(size=len(sentence("source", 4)))
    telephone = soxr.resample(soxr.resample(sentence("source", 5), RATE, 8000), 8000, RATE)
    soundfile.write(source / "noisy.wav", sentence("source", 4) + 0.03 * noise, RATE)
    soundfile.write(source / "telephone <script>.wav", telephone, RATE)
    soundfile.write(source / "clipped.wav", np.clip(20 * sentence("source", 6), -1, 1), RATE)
    soundfile.write(source / "quiet.wav", 0.002 * sentence("source", 7), RATE, subtype="PCM_24")
    soundfile.write(source / "again.flac", 0.5 * sentence("source", 1), RATE)
    soundfile.write(source / "short.wav", sentence("source", 1)[:8000], RATE)
    soundfile.write(source / "silent.wav", np.zeros(2 * RATE), RATE)
    (source / "text.wav").write_text("no sound")
    soundfile.write(target / "both.ogg", soxr.resample(sentence("source", 2), RATE, 22050), 22050)
    paused = np.concatenate([np.pad(sentence("target", number), (0, 3 * RATE)) for number in range(5, 12)])
    soundfile.write(target / "paused.wav", paused, RATE)
    done = run_command(
        "inspect", f"data.source={source}", f"data.target={target}", f"data.store={root / 'store'}",
        f"output={root / 'report'}", "prepare.workers=0", cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "report", done.stdout


@pytest.mark.parametrize(
    "finding",
    [
        r"WARNING: the source has only 0\.\d minutes",
        r"WARNING: 1 recording is in both domains: 2\.wav and both\.ogg",
        r"hint: 1 pair of recordings nearly the same: 1\.wav and again\.flac|again\.flac and 1\.wav",
        r"WARNING: 1 recording of the source is noisy.*: noisy\.wav",
        r"WARNING: 1 recording of the source is without high frequencies, .* 3\.\d kHz of 8 kHz: telephone <script>",
        r"WARNING: 1 recording of the source is clipped: clipped\.wav",
        r"1 recording of the source is very quiet, .*: quiet\.wav",
        r"hint: \d\d% of the target is silence",
        r"hint: 1 recording of the source is skipped: .*text\.wav",
        r"hint: 1 recording of the source is shorter than a window: short\.wav",
        r"hint: 1 recording of the source is silent: silent\.wav",
        r"hint: the recordings of the source are not equally loud",
    ],
)
def test_each_fault_is_found_and_named(inspected: tuple[Path, str], finding: str) -> None:
    assert re.search(finding, inspected[1]), inspected[1]


def test_each_finding_has_an_effect_and_a_remedy(inspected: tuple[Path, str]) -> None:
    found = json.loads((inspected[0] / "report.json").read_text())["advice"]
    assert len(found) >= 12
    assert all(one["effect"] and one["remedy"] for one in found)
    assert inspected[1].count("effect:") == inspected[1].count("remedy:") == len(found)


class Parts(HTMLParser):
    """The tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_stands_alone_and_holds_pictures_and_players(inspected: tuple[Path, str]) -> None:
    page = Parts()
    page.feed((inspected[0] / "index.html").read_text(encoding="utf-8"))
    sources = {tag: [found["src"] for name, found in page.tags if name == tag] for tag in ("img", "audio")}
    assert len(sources["img"]) == len(sources["audio"]) == 10
    assert all(one.startswith("data:image/png;base64,") for one in sources["img"])
    assert all(one.startswith(("data:audio/wav;base64,", "data:audio/flac;base64,")) for one in sources["audio"])
    assert sum(name == "svg" for name, _ in page.tags) == 4
    assert not any(name == "script" for name, _ in page.tags), "a file's name became a part of the page"


def test_every_recording_has_a_line(inspected: tuple[Path, str]) -> None:
    lines = {(line["domain"], line["path"]): line for line in csv.DictReader((inspected[0] / "recordings.csv").open())}
    assert len(lines) == 11 + 5
    assert float(lines["source", "clipped.wav"]["clipped"]) > 0.01
    assert float(lines["source", "telephone <script>.wav"]["bandwidth"]) < 4100
    assert "cannot be read" in lines["source", "text.wav"]["left_out"]
    assert lines["source", "silent.wav"]["loud"] == ""


def test_domains_without_a_window_are_one_line(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(100) / 2, RATE)
    given = [f"data.source={tmp_path}", "data.target=bundled:voices/target", f"data.store={tmp_path / 'store'}"]
    done = run_command("inspect", *given, cwd=tmp_path)
    assert_one_line(done, "no recording of the source is long enough")


def test_recordings_that_vanish_meanwhile_are_named_and_skipped(tmp_path: Path, caplog) -> None:
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", hum(1.0, 8000, 150, number), 8000)
    work = Work(workers=0, progress=False)
    data = ChunkDataModule(
        str(tmp_path),
        str(tmp_path),
        TINY_AUDIO,
        ChunkSpec(8),
        store=str(tmp_path / "p"),
        validation_share=0.0,
        work=work,
    )
    data.setup()
    corpus = data.corpora["source"]
    listening = Listening(data.stores["source"], corpus.recordings(), front_end(TINY_AUDIO), data.preparation)
    (tmp_path / "0.wav").unlink()
    soundfile.write(tmp_path / "1.wav", np.zeros(10), 8000)
    del listening.recordings["2.wav"]
    caplog.clear()
    found = inspect("source", corpus, data.splits["source"], listening, data.chunk.window, 30, 1, 0, pitched=False)
    assert {window.path for window in found.windows} == {"3.wav"}
    assert all(f"{name}.wav: " in caplog.text for name in (0, 1, 2))
