"""What is made of evaluations: pages, listening tests, records and tables."""

import csv
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from melgan_vc.errors import UserError
from melgan_vc.evaluation import answers, charts, comparison, evaluation_page, experiments, kept, listening, report
from melgan_vc.evaluation.columns import MEANS
from melgan_vc.evaluation.page import sound
from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.session import path_of
from melgan_vc.measures.intervals import Mean, mean
from tests.conftest import ROOT, hum

ONE, OTHER = [5.0, 7.0, 6.0, 6.5, 5.5], [4.0, 4.0, 4.5, 4.2, 4.1]
AUDIO = {"sample_rate": 8000, "hop_length": 128, "n_fft": 512, "n_mels": 24}
KINDS = ("source", "converted", "WORLD transfer", "target resynthesised", "target")
NAMES = ("a <b>", "the c", "d é", "=e", "$f$ _g")


def evaluation(folder: Path, mcd: dict[str, float], **settings: object) -> Path:
    """An evaluation of five recordings, with these distortions."""
    rows = []
    for number, kind in enumerate(KINDS):
        for name in NAMES:
            off = mcd[name] if kind == "converted" else 9.0 - number
            rows.append(Row(name, kind, {"mcd": off, "to_target": 0.5 + number / 10, "f0_cents": float("nan")}))
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(path_of(folder, name, kind), hum(0.6, 8000, 100 + 30 * number, number), 8000)
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
        "bundle": str(folder), "sound": "voice", "parallel": True, "held_out": {"source": 5, "target": 5},
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
        evaluation(root / "one", dict(zip(NAMES, ONE, strict=True)), seed=0),
        evaluation(root / "other", dict(zip(NAMES, OTHER, strict=True)), seed=1),
    ]


def test_figures_come_back_as_they_were_written(two: list[Path]) -> None:
    (one,) = kept.read(two[:1])
    converted = next(line for line in one.summary if line.kind == "converted")
    assert converted.means["mcd"] == mean(ONE)
    assert np.isnan(converted.whole["median_f0"]) and converted.means["f0_cents"].count == 0
    assert one.value("the c", "converted", "mcd") == 7 and np.isnan(one.value("the c", "converted", "f0_cents"))


def test_a_page_of_one_orders_recordings_from_the_worst(two: list[Path], tmp_path: Path) -> None:
    text = evaluation_page.write(tmp_path, two[:1]).read_text(encoding="utf-8")
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["the c", "=e", "d é", "$f$ _g", "a &lt;b&gt;"]
    assert text.count("<audio") == 25 and text.count('class="mel" data-track') == 15
    assert "The quality could NOT be measured" in text and "The &lt;card&gt;" in text
    assert "held_out/to_target, more is better" in text and "generator/travel" in text
    assert "What differs" not in text


def test_the_most_telling_measures_come_first_on_the_page(two: list[Path], tmp_path: Path) -> None:
    folder = shutil.copytree(two[0], tmp_path / "one")
    record = json.loads((folder / report.RECORD).read_text())
    for line in record["summary"]:
        line["means"] |= dict.fromkeys(("to_source", "cer", "distillmos"), line["means"]["mcd"])
        line["whole"]["quality"] = 0.5
    (folder / report.RECORD).write_text(json.dumps(record))
    text = evaluation_page.write(tmp_path / "page", [folder]).read_text(encoding="utf-8")
    headings = [one.rstrip(" ↑↓") for one in re.findall(r'<th class="number">(.*?)</th>', text)]
    assert headings[:4] == ["quality", "cosine to target", "CER", "DistillMOS"]
    assert sorted(headings) == sorted(set(headings)) and {"cosine to source", "Frechet"} < set(headings[4:])


def test_a_page_of_several_sets_their_conversions_side_by_side(two: list[Path], tmp_path: Path) -> None:
    text = evaluation_page.write(tmp_path, kept.found([two[0].parent])).read_text(encoding="utf-8")
    assert text.count("<audio") == 30 and "converted: other" in text
    assert "other against one" in text and "MCD (dB) -1.84 (" in text
    changed = text.split("What differs between the runs")[1].split("<h2>")[0]
    assert re.findall(r"<code>(.*?)</code>", changed) == ["seed"], "not where they lie"


def test_differences_are_paired_by_recording(two: list[Path]) -> None:
    evaluations = kept.read(two)
    ((name, found),) = comparison.paired_differences(evaluations)
    assert name == "other" and found.keys() == {"mcd", "to_target"}
    assert found["mcd"] == mean(np.subtract(OTHER, ONE))
    assert found["to_target"].value == 0 and not found["to_target"].has_interval
    told = comparison.described_difference("mcd", Mean(-0.5, -0.8, -0.2, 12))
    assert told == "MCD (dB) -0.50 (-0.80 to -0.20, 12 recordings): better"
    assert comparison.described_difference("distillmos", Mean(-0.5, -0.8, -0.2, 12)).endswith("worse")
    assert comparison.described_difference("cer", Mean(0.1, -0.1, 0.3, 12)).endswith("no difference found")
    printed = comparison.printed_differences(evaluations)
    assert printed[:2] == [
        "Differences of the conversions, recording by recording, with 95 % intervals:",
        "other against one",
    ]
    assert re.fullmatch(r"  MCD \(dB\) -1.84 \(-\d.* to -\d.*, 5 recordings\): better", printed[3])
    assert comparison.printed_differences(evaluations[:1]) == []
    assert comparison.described_difference("cer", Mean(0.1, math.nan, math.nan, 3)).endswith(
        "too few recordings for an interval"
    )
    alike = comparison.described_difference("cer", Mean(0, math.nan, math.nan, 9))
    assert alike == "CER +0.00, 9 recordings, too few that differ from the others, for an interval"


def test_evaluations_of_other_splits_stand_apart(two: list[Path], tmp_path: Path) -> None:
    for folder, split in zip(two, ("development", "test"), strict=True):
        shutil.copytree(folder, tmp_path / folder.name)
        record = json.loads((tmp_path / folder.name / report.RECORD).read_text()) | {"split": split}
        (tmp_path / folder.name / report.RECORD).write_text(json.dumps(record))
    text = evaluation_page.write(tmp_path / "page", kept.found([tmp_path])).read_text(encoding="utf-8")
    assert "split: development</h3>" in text and "split: test</h3>" in text and "Differences" not in text
    assert text.count("<dt>split</dt>") == 2
    apart = kept.read([tmp_path / "one", tmp_path / "other"])
    assert comparison.printed_differences(apart) == [
        "one: compared with no other, for none was measured alike (split: development)",
        "other: compared with no other, for none was measured alike (split: test)",
    ]
    records = {one.name: one.record for one in apart}
    assert comparison.mixture(records) == "one and other were not measured alike: other split"


def test_what_is_no_evaluation_is_named(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no evaluation found"):
        kept.found([tmp_path])
    (tmp_path / report.RECORD).write_text("{}")
    (tmp_path / report.ROWS).write_text("")
    with pytest.raises(UserError, match=r"metrics.json: has no bundle; evaluate again"):
        kept.read([tmp_path])


def changed(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: record | values


def with_line(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: record | {"summary": [record["summary"][0] | values, *record["summary"][1:]]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff\xfe\x00", "is not a text in UTF-8"),
        (b"{}\x00", "holds NUL bytes"),
        (b"[]", "is no JSON object"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"a": ' * 60 + b"1" + b"}" * 60, "is nested too deeply"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'{"a": 1e999}', "is too large"),
        (b'{"a": 1e300}', "is too large"),
        (b'{"a": ' + b"9" * 200 + b"}", "is too large"),
        ("/etc/hostname", "leads out of its folder"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is too large"),
        (b'{"a": NaN}', "is no number"),
        (b" " * 9_000_000, "is larger than"),
        ("/dev/zero", "is no regular file"),
        ("metrics.json", "leads nowhere"),
        (".", "is a folder"),
        (changed(sound="speech"), "sound is 'speech'"),
        (changed(bundle=3), "bundle is 3"),
        (changed(split="training"), "split is 'training'"),
        (changed(parallel="yes"), "parallel is 'yes'"),
        (changed(audio={}), "audio.sample_rate is missing"),
        (changed(audio=AUDIO | {"hop": 3}), "audio.hop is unknown; audio has sample_rate, hop_length"),
        (changed(audio=AUDIO | {"n_fft": 10**9}), "audio.n_fft is 1000000000: give a whole number from 2"),
        (changed(audio=AUDIO | {"range_db": 1e9}), "audio.range_db is"),
        (changed(audio=[1]), "audio is [1]"),
        (changed(settings=[]), "settings is []"),
        (changed(places={"source": 1}), "places is"),
        (changed(baselines=["x"]), "baselines is ['x']"),
        (changed(data_report={"rows": [[1]], "advice": []}), "data_report is"),
        (changed(summary={}), "summary is {}"),
        (changed(summary=[{"kind": "source"}]), "whole of source is None"),
        (lambda record: record | {"summary": record["summary"][:1]}, "not ['source']"),
        (lambda record: record | {"summary": 2 * record["summary"]}, "once each"),
        (with_line(kind="x" * 1000), "kind is 'xxx"),
        (with_line(means=[]), "means of source is []"),
        (with_line(means={"mcd": {"value": "7", "low": 1, "high": 2, "count": 5}}), "means of source"),
        (with_line(means={"mcd": {"value": 7}}), "means of source"),
        (with_line(whole={"frechet": True}), "whole of source"),
    ],
)
def test_a_damaged_record_is_named_and_the_others_are_read(
    change: Any, reason: str, two: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(two[0], folder)
    path = folder / report.RECORD
    content = change(json.loads(path.read_text())) if callable(change) else change
    path.unlink()
    if isinstance(content, str):
        path.symlink_to(content)
    else:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    assert [one.name for one in kept.read(kept.found([tmp_path, two[1]]))] == ["other"]
    (line,) = caplog.messages
    assert line.startswith(f"{folder}: metrics.json: ") and line.endswith("; skipped")
    assert reason in line and len(line) < 200 + len(str(folder))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("name,kind\n", "no row of kind source, converted, target"),
        ("name,kind\na,source\n", "no row of kind converted, target"),
        ("name,kind,mcd\na,source,x\na,converted,1\na,target,\n", "mcd is 'x', not a number"),
        ("name,kind,mcd\na,source\n", "line 2: has 2 cells, not 3"),
        ("name,name,kind\n", "the column name twice"),
        ("a,b\n\x00", "holds NUL bytes"),
    ],
)
def test_damaged_rows_are_named(
    content: str, reason: str, two: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(two[0], tmp_path / "one")
    (tmp_path / "one" / report.ROWS).write_text(content)
    with pytest.raises(UserError, match="no evaluation can be read; the first"):
        kept.read([tmp_path / "one"])
    assert reason in caplog.text


def test_a_page_shows_what_is_whole_of_a_damaged_evaluation(
    two: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, secret = tmp_path / "one", tmp_path / "secret.wav"
    shutil.copytree(two[0], folder)
    shutil.copy(path_of(folder, "the c", "source"), secret)
    (folder / report.CURVES).write_bytes(b"step\n\xff")
    (folder / report.SPEED).write_text('{"times_real_time": "<b>"}')
    (folder / report.CARD).write_bytes(b"\xff")
    damages: dict[tuple[str, str], Callable[[Path], object]] = {
        ("the c", "source"): lambda path: path.symlink_to(secret),
        ("the c", "converted"): lambda path: path.write_bytes(b"RIFF"),
        ("the c", "target"): lambda path: path.mkdir(),
        ("d é", "converted"): lambda path: soundfile.write(path, np.full(9, np.nan), 8000, subtype="FLOAT"),
        ("=e", "converted"): lambda path: soundfile.write(path, np.zeros((9, 2)), 8000),
        ("=e", "source"): lambda path: soundfile.write(path, np.zeros(9), 44100),
        ("=e", "target"): lambda path: os.mkfifo(path),
    }
    for (name, kind), damage in damages.items():
        path = path_of(folder, name, kind)
        path.unlink()
        damage(path)
    for kind in KINDS:
        path_of(folder, "$f$ _g", kind).unlink()
    text = evaluation_page.write(tmp_path, [folder]).read_text(encoding="utf-8")
    assert text.count("<audio") == 5 * 4 - len(damages) and "4 of 5 recordings" in text and "is damaged" in text
    reasons = (
        "training.csv: is not a text", "speed.json: times_real_time", "card.md: is not a text", "leads out of its",
        "is damaged (", "is a folder", "NaN or infinite", "2 channels", "44100 Hz", "is no regular file", "is missing",
    )  # fmt: skip
    for reason in reasons:
        assert f"{reason}" in caplog.text, reason


def test_sounds_that_browsers_cannot_seek_in_as_flac_are_wav() -> None:
    kinds = [sound(hum(seconds, 8000, 150, 0), 8000).partition(";")[0] for seconds in (0.9, 7)]
    assert kinds == ["data:audio/wav", "data:audio/flac"]


def test_a_page_shows_no_file_of_this_machine_and_nothing_that_cannot_be_seen(
    two: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "one \u202egnp \x1b[31m"
    secret.write_text("step,secret\n1,2\n")
    shutil.copytree(two[0], folder)
    for name in (report.CARD, report.CURVES, report.SPEED):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(secret)
    text = evaluation_page.write(tmp_path / "page", [folder, two[1]]).read_text(encoding="utf-8")
    assert "secret" not in text and caplog.text.count("is a link that leads out of its folder") == 3
    assert r"one \u202egnp" in text and "\u202e" not in text and "\x1b" not in text


def test_figures_of_an_earlier_evaluation_are_removed_and_nothing_of_others(two: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "one"
    shutil.copytree(two[0], folder)
    (folder / "notes.txt").touch()
    (folder / report.CARD).unlink()
    (folder / report.CARD).mkdir()
    report.clear(folder)
    left = {path.name for path in folder.iterdir() if path.suffix != ".wav"}
    assert left == {"notes.txt", report.CARD}
    (folder / report.CURVES).touch()
    report.clear(folder)
    assert (folder / report.CURVES).exists(), "there is no evaluation"


def test_evaluations_that_cannot_be_compared_stand_apart(two: list[Path], tmp_path: Path) -> None:
    def copied(name: str, **values: object) -> Path:
        shutil.copytree(two[0], tmp_path / name)
        path = tmp_path / name / report.RECORD
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return tmp_path / name

    same = copied("same")
    speaker = copied(
        "speaker", content={"source": "1234", "target": "abcd"}, places={"source": "anna", "target": "bob"}
    )
    recogniser = copied("recogniser", recogniser="Whisper")
    evaluations = kept.read([two[0], same, speaker, recogniser])
    same_one = evaluations[1]
    groups = comparison.comparable(evaluations)
    assert [[one.name for one in group] for group in groups] == [["one", "same"], ["speaker"], ["recogniser"]]
    drawn = {axes.get_title() for axes in experiments.picture(evaluations).axes}
    assert {"converted: one", "converted: same"} < drawn and "converted: speaker" not in drawn
    headings = [comparison.difference(groups, group) for group in groups]
    assert "recogniser: Whisper" in headings[2] and "source 1234, target abcd" in headings[1]
    text = evaluation_page.write(tmp_path / "page", [two[0], recogniser]).read_text(encoding="utf-8")
    assert "must not be compared across the\n2 tables" in text and "<h3>recogniser: Whisper</h3>" in text
    with pytest.raises(UserError, match="did not measure the same recordings"):
        listening.write([two[0], recogniser], tmp_path, ["mos"], 1, 0)
    groups = [[evaluations[0]], [replace(same_one, record=same_one.record | {"audio": AUDIO | {"n_mels": 80}})]]
    assert comparison.difference(groups, groups[1]) == "mels: n_mels=80"
    for change in (
        {"version": report.VERSION + 1},
        {"mcd": {"power": True}},
        {"parallel": False},
        {"audio": AUDIO | {"n_mels": 80}},
    ):
        others = [one.record | change if one.name == "same" else one.record for one in evaluations[:2]]
        assert len({tuple(comparison.conditions(record).items()) for record in others}) == 2, change


def test_pages_keys_and_records_replace_none_of_others(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="whose own page this would replace"):
        evaluation_page.write(two[0], two)
    listening.write(two, tmp_path, ["abx"], 1, seed=3)
    before = (tmp_path / listening.KEY).read_bytes()
    listening.write(two, tmp_path, ["abx"], 1, seed=3)
    with pytest.raises(UserError, match="is the key of another test"):
        listening.write(two, tmp_path, ["abx"], 1, seed=4)
    assert (tmp_path / listening.KEY).read_bytes() == before
    for name in ("x", "y"):
        shutil.copytree(two[0], tmp_path / name / "ev")
    written = experiments.keep([tmp_path / "x" / "ev", tmp_path / "y" / "ev"], tmp_path / "kept")
    assert [path.name for path in written] == ["x-ev.json", "y-ev.json", "held_out.png"]


def test_a_chart_that_fails_costs_nothing_else(
    two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("parse error: \x1b")

    monkeypatch.setattr(charts, "curve", fails)
    monkeypatch.setattr(charts, "pitch", fails)
    text = evaluation_page.write(tmp_path, two[:1]).read_text(encoding="utf-8")
    assert text.count("<audio") == 25 and "a chart is missing" in caplog.text and "\\x1b" in caplog.text


def test_a_record_that_names_what_no_config_may_name_is_refused_in_a_line(two: list[Path], tmp_path: Path) -> None:
    shutil.copytree(two[0], tmp_path / "one")
    path = tmp_path / "one" / report.RECORD
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"settings": {"data.extra._target_": "os.makedirs"}}))
    with pytest.raises(UserError, match=r"metrics.json: settings.data.extra._target_ is os.makedirs"):
        kept.read([tmp_path / "one"], trust=())


def test_what_json_does_not_know_is_null(tmp_path: Path) -> None:
    odd = {"a": math.nan, "b": [math.inf, {"c": -math.inf}], 3: Path("x"), "d": True, "e": None}
    report.write(tmp_path, [], [], {"settings": odd})
    text = (tmp_path / report.RECORD).read_text()
    assert json.loads(text)["settings"] == {"a": None, "b": [None, {"c": None}], "3": "x", "d": True, "e": None}
    assert not re.search("NaN|Infinity", text)


def test_verdicts_on_what_was_not_measured_say_so() -> None:
    def line(kind: str, *values: float) -> Summary:
        return Summary(kind, {"to_target": mean(values), "chroma": mean(values)}, {})

    about = {"baselines": ["x"], "sound": "voice"}
    (told,) = report.verdicts([line(kind) for kind in ("source", "converted", "x", "target")], about)
    assert told.startswith("The quality could NOT be measured")
    about = {"baselines": [], "sound": "music", "classifier_accuracy": math.nan}
    assert report.verdicts([line("converted", 0.6)], about)[0].startswith("Whether the melody stays could NOT")


def test_intervals_of_old_records_with_few_recordings_are_not_shown() -> None:
    record = {"summary": [{"kind": "x", "means": {"mcd": {"value": 5, "low": 4, "high": 6, "count": 3}}, "whole": {}}]}
    assert report.cell(report.read_summary(record)[0], "mcd") == "5.00"


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
    first, other = (mean(values) for values in (ONE, OTHER))
    assert cells[2] == ["target", "", "5.00", "0.100"]
    assert cells[3] == ["first", "0", f"6.00 ({first.low:.2f} to {first.high:.2f})", "0.100"]
    assert cells[4] == ["both", "0, 1", f"5.08 ({other.low:.2f} to {first.high:.2f})", "0.100"], "lowest to highest"
    record = folder / "records" / "other.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"audio": AUDIO | {"sample_rate": 16000}}))
    with pytest.raises(UserError, match=r"one and other were not measured alike: other mels \(sample_rate\)"):
        experiments.refresh(tmp_path)
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
    key = answers.read_key(tmp_path / listening.KEY)
    assert count == len(key) == 2 * (6 + 1)
    text = (tmp_path / listening.TEST).read_text(encoding="utf-8")
    for word in ("converted", "WORLD", "resynthesised", "other", *NAMES):
        assert f'"{word}' not in text
    again = tmp_path / "again"
    listening.write(two, again, ["abx", "mos"], 2, seed=3)
    assert (again / listening.KEY).read_text() == (tmp_path / listening.KEY).read_text()
    firsts = {trial.systems[0] for trial in key.values() if trial.kind == "abx"}
    listening.write(two, again / "more", ["abx"], 3, seed=5)
    firsts |= {trial.systems[0] for trial in answers.read_key(again / "more" / listening.KEY).values()}
    assert firsts == {"converted: one", "converted: other"}, "A is not always the same"


def answered(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(listening.COLUMNS)
        writer.writerows((*row, "1.0") for row in rows)
    return path


def test_answers_are_counted_for_what_was_heard(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trials = {
        "m1": listening.Trial("mos", "r", ("good",)), "m2": listening.Trial("mos", "r", ("bad",)),
        "x1": listening.Trial("abx", "r", ("good", "bad")), "x2": listening.Trial("abx", "s", ("bad", "good")),
    }  # fmt: skip
    key = tmp_path / "key.json"
    key.write_text(json.dumps({code: one.__dict__ for code, one in trials.items()}))
    one = answered(tmp_path / "1.csv", [("ann", "m1", "5"), ("ann", "m2", "1"), ("ann", "x1", "A"), ("ann", "x2", "B")])
    two = answered(tmp_path / "2.csv", [("bob", "m1", "1"), ("bob", "m1", "4"), ("bob", "x1", "A"), ("bob", "x2", "A")])
    text = answers.analysed([one, two], key)
    assert "7 answers of 2 listeners" in text, "who answers twice is counted once"
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert ["good", "4.50", "-", "2"] in cells and ["bad", "1.00", "-", "1"] in cells
    assert ["good", "bad", "75%", "-", "4", "-"] in cells
    more = answers.analysed([one, answered(tmp_path / "5.csv", [("ann", "z", "1")])], key)
    assert "4 answers of 1 listener" in more and "5.csv, line 2: trial 'z' is not in the key" in caplog.text
    with pytest.raises(UserError, match=r"3.csv, line 2: '6' is no answer"):
        answers.analysed([answered(tmp_path / "3.csv", [("ann", "m1", "6")])], key)
    with pytest.raises(UserError, match="'z' is not in the key"):
        answers.analysed([answered(tmp_path / "4.csv", [("ann", "z", "1")])], key)


def test_every_measure_says_what_it_is() -> None:
    assert all(one.about and one.better in ("max", "min", "none") for one in MEANS.values())
