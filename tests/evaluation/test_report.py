"""What is made of evaluations: pages, listening tests, records and tables."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from melgan_vc.errors import UserError
from melgan_vc.evaluation import evaluation_page, experiments, kept, listening, report
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.session import file_of
from melgan_vc.measures.intervals import mean
from tests.conftest import ROOT, hum

AUDIO = {"sample_rate": 8000, "hop_length": 128, "n_fft": 512, "n_mels": 24}
KINDS = ("source", "converted", "WORLD transfer", "target resynthesised", "target")
NAMES = ("a <b>", "the c", "d é")


def evaluation(folder: Path, mcd: dict[str, float], **settings: object) -> Path:
    """An evaluation of three recordings, with these distortions."""
    rows = []
    for number, kind in enumerate(KINDS):
        for name in NAMES:
            off = mcd[name] if kind == "converted" else 9.0 - number
            rows.append(Row(name, kind, {"mcd": off, "to_target": 0.5 + number / 10, "f0_cents": float("nan")}))
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / file_of(name, kind), hum(0.6, 8000, 100 + 30 * number, number), 8000)
    summary = [
        Summary(
            kind,
            {
                one: mean([row.values[one] for row in rows if row.kind == kind])
                for one in ("mcd", "to_target", "f0_cents")
            },
            {"frechet": 0.1, "median_f0": float("nan")},
        )
        for kind in KINDS
    ]
    about = {
        "bundle": str(folder), "sound": "voice", "parallel": True, "held_out": {"source": 3, "target": 3},
        "places": {"source": "here", "target": "there"}, "audio": AUDIO, "overlap": 0.5, "silence_dbfs": -60.0,
        "inversion": {"_target_": "melgan_vc.audio.griffin_lim.GriffinLim"}, "baselines": ["WORLD transfer"],
        "baselines_from": "training recordings",
        "recogniser": None,
        "settings": {"run_dir": str(folder), "data.source": "/of one machine/voices", "chunk.width": 24, **settings},
    }  # fmt: skip
    report.write(folder, rows, summary, about)
    (folder / report.CURVES).write_text("step,generator/travel,held_out/to_target\n50,1.5,\n100,1.2,0.6\n")
    (folder / report.CARD).write_text("# The <card>\n")
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("two évaluations")
    return [
        evaluation(root / "one", {"a <b>": 5.0, "the c": 7.0, "d é": 6.0}, seed=0),
        evaluation(root / "other", {"a <b>": 4.0, "the c": 4.0, "d é": 4.5}, seed=1),
    ]


def test_figures_come_back_as_they_were_written(two: list[Path]) -> None:
    (one,) = kept.read(two[:1])
    converted = next(line for line in one.summary if line.kind == "converted")
    assert converted.means["mcd"] == mean([5.0, 7.0, 6.0])
    assert np.isnan(converted.whole["median_f0"]) and converted.means["f0_cents"].count == 0
    assert one.value("the c", "converted", "mcd") == 7 and np.isnan(one.value("the c", "converted", "f0_cents"))


def test_a_page_of_one_orders_recordings_from_the_worst(two: list[Path], tmp_path: Path) -> None:
    text = evaluation_page.write(tmp_path, two[:1]).read_text(encoding="utf-8")
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["the c", "d é", "a &lt;b&gt;"]
    assert text.count("<audio") == 15 and text.count('class="mel" data-track') == 9
    assert "does NOT beat WORLD transfer in cosine to target:" in text and "The &lt;card&gt;" in text
    assert "held_out/to_target, more is better" in text and "generator/travel" in text
    assert "What differs" not in text


def test_a_page_of_several_sets_their_conversions_side_by_side(two: list[Path], tmp_path: Path) -> None:
    text = evaluation_page.write(tmp_path, kept.found([two[0].parent])).read_text(encoding="utf-8")
    assert text.count("<audio") == 18 and "converted: other" in text
    changed = text.split("What differs between the runs")[1].split("<h2>")[0]
    assert re.findall(r"<code>(.*?)</code>", changed) == ["seed"], "not where they lie"


def test_what_is_no_evaluation_is_named(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no evaluation found"):
        kept.found([tmp_path])
    (tmp_path / report.RECORD).write_text("{}")
    (tmp_path / report.ROWS).write_text("")
    with pytest.raises(UserError, match="is damaged"):
        kept.read([tmp_path])


def test_tables_are_written_from_records_alone(two: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "experiments" / "tried"
    written = experiments.keep(two, folder)
    assert [path.name for path in written] == ["one.json", "other.json", "held_out.png"]
    assert all(path.stat().st_size for path in written)
    assert not re.search(r"/of one machine|run_dir", written[0].read_text()), "a machine's paths are for nobody else"
    asked = "measures: [mcd, frechet]\nkinds: [target]\nsettings: [seed]\nrows: {first: one, both: [one, other]}\n"
    page = folder / "README.md"
    page.write_text(f"Before\n\n<!-- table\n{asked}-->\nold\n<!-- table ends -->\n\nAfter\n")
    assert experiments.refresh(tmp_path) == [page] and experiments.refresh(tmp_path) == []
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text().splitlines() if "|" in line]
    assert cells[0] == ["", "`seed`", "MCD (dB)", "Frechet"]
    first, other = (mean(values) for values in ([5.0, 7.0, 6.0], [4.0, 4.0, 4.5]))
    assert cells[2] == ["target", "", "5.00 (5.00 to 5.00)", "0.100"]
    assert cells[3] == ["first", "0", f"6.00 ({first.low:.2f} to {first.high:.2f})", "0.100"]
    assert cells[4] == ["both", "0, 1", f"5.08 ({other.low:.2f} to {first.high:.2f})", "0.100"], "lowest to highest"
    page.write_text(page.read_text().replace("[one, other]", "[one, lost]"))
    with pytest.raises(UserError, match=r"lost\.json"):
        experiments.refresh(tmp_path)


def test_the_tables_of_this_repository_are_what_its_records_say() -> None:
    pages = list((ROOT / "experiments").rglob("README.md"))
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert experiments.filled(text, page) == text, f"run python -m melgan_vc.report: {page}"


def test_a_listening_test_tells_nothing_of_its_systems(two: list[Path], tmp_path: Path) -> None:
    count = listening.write(two, tmp_path, ["abx", "mos"], 2, seed=3)
    key = listening.read_key(tmp_path / listening.KEY)
    assert count == len(key) == 2 * (6 + 1)
    text = (tmp_path / listening.TEST).read_text(encoding="utf-8")
    for word in ("converted", "WORLD", "resynthesised", "other", *NAMES):
        assert f'"{word}' not in text
    again = tmp_path / "again"
    listening.write(two, again, ["abx", "mos"], 2, seed=3)
    assert (again / listening.KEY).read_text() == (tmp_path / listening.KEY).read_text()
    firsts = {trial.systems[0] for trial in key.values() if trial.kind == "abx"}
    listening.write(two, again, ["abx"], 3, seed=5)
    firsts |= {trial.systems[0] for trial in listening.read_key(again / listening.KEY).values()}
    assert firsts == {"converted: one", "converted: other"}, "A is not always the same"


def answered(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(listening.COLUMNS)
        writer.writerows((*row, "1.0") for row in rows)
    return path


def test_answers_are_counted_for_what_was_heard(tmp_path: Path) -> None:
    trials = {
        "m1": listening.Trial("mos", "r", ("good",)), "m2": listening.Trial("mos", "r", ("bad",)),
        "x1": listening.Trial("abx", "r", ("good", "bad")), "x2": listening.Trial("abx", "s", ("bad", "good")),
    }  # fmt: skip
    key = tmp_path / "key.json"
    key.write_text(json.dumps({code: one.__dict__ for code, one in trials.items()}))
    one = answered(tmp_path / "1.csv", [("ann", "m1", "5"), ("ann", "m2", "1"), ("ann", "x1", "A"), ("ann", "x2", "B")])
    two = answered(tmp_path / "2.csv", [("bob", "m1", "1"), ("bob", "m1", "4"), ("bob", "x1", "A"), ("bob", "x2", "A")])
    text = listening.analysed([one, two], key)
    assert "7 answers of 2 listeners" in text, "who answers twice is counted once"
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert ["good", "4.50", "4.00 to 5.00", "2"] in cells and ["bad", "1.00", "1.00 to 1.00", "1"] in cells
    assert ["good", "bad", "75%", "30% to 95%", "4", "0.62"] in cells
    with pytest.raises(UserError, match=r"3.csv, line 2: '6' is no answer"):
        listening.analysed([answered(tmp_path / "3.csv", [("ann", "m1", "6")])], key)
    with pytest.raises(UserError, match="'z' is not in the key"):
        listening.analysed([answered(tmp_path / "4.csv", [("ann", "z", "1")])], key)


def test_every_measure_says_what_it_is() -> None:
    assert all(one.about and one.better in ("max", "min", "none") for one in MEANS.values())
