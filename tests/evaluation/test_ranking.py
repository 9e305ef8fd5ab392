"""Runs are ranked by quality where all of them have it."""

import csv
import json

import pytest
import yaml

from melgan_vc.evaluation import leaderboard, report
from melgan_vc.evaluation.protocol import Summary
from melgan_vc.evaluation.ranking import rank
from melgan_vc.measures.intervals import Mean

NAN = float("nan")


def make_run(folder, seed, **validations):
    """A run whose validations measured these values, one after another."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"seed": seed, "run_dir": str(folder), "losses": {}}))
    names = [f"held_out/{name}" for name in validations]
    with (folder / "metrics.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "step"])
        writer.writerows(
            [*values, 10 * number] for number, values in enumerate(zip(*validations.values(), strict=True), 1)
        )


def evaluate(run, quality, name="held_out", distillmos=2.0, **others):
    folder = run / name
    folder.mkdir()
    means = {"distillmos": Mean(distillmos, NAN, NAN, 4)}
    summary = [Summary(kind, means, {"quality": quality}) for kind in ("source", "converted", "target")]
    about = {
        "bundle": str(run), "sound": "voice", "parallel": True, "held_out": {"source": 4, "target": 4},
        "places": {"source": "here", "target": "there"}, "overlap": 0.5, "silence_dbfs": -60.0, "baselines": [],
        "audio": {"sample_rate": 8000, "hop_length": 128, "n_fft": 512, "n_mels": 24}, "inversion": {},
        "settings": {"run_dir": str(run)}, "content": {"source": "a", "target": "b"},
    }  # fmt: skip
    report.write(folder, [], summary, about | others)
    (folder / "config.yaml").write_text("seed: 0")  # as report.keep_run leaves it
    return folder


@pytest.fixture
def runs(tmp_path):
    make_run(tmp_path / "a", 0, mel_distance=[3.0, 2.0], quality=[0.5, 0.4], distillmos=[2.5, 2.4])
    make_run(tmp_path / "b", 1, mel_distance=[1.0, 4.0], quality=[0.1, 0.2], distillmos=[2.1, 2.2])
    return tmp_path


def order(folder, measure="auto"):
    found = rank(folder, measure)
    return found.measure, [one.name for one in found.entries]


def test_quality_of_validations_ranks_where_every_run_has_it(runs):
    assert order(runs) == ("quality", ["a", "b"])
    (best, *_) = rank(runs, "auto").entries
    assert (best.batch, best.measures["quality"]) == (10, 0.5)
    text = leaderboard.write(runs, "auto", runs / "out")
    assert "by quality, which the validations of every run measured:" in text
    assert order(runs, "mel_distance") == ("mel_distance", ["b", "a"])


def test_one_run_without_quality_leaves_the_measure_of_before(runs):
    make_run(runs / "old", 2, mel_distance=[9.0])
    assert order(runs) == ("mel_distance", ["b", "a", "old"])
    text = leaderboard.write(runs, "auto", runs / "out")
    assert "by mel_distance, for old has no quality:" in text
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "| " in line]
    assert header[:4] == ["", "mel_distance", "quality", "distillmos"]
    assert [row[1:4] for row in rows] == [["1.000", "0.100", "2.100"], ["2.000", "0.400", "2.400"], ["9.000", "-", "-"]]


def test_a_run_without_a_validation_is_not_waited_for(runs):
    make_run(runs / "begun", 2, mel_distance=[])
    make_run(runs / "failed", 3, mel_distance=[1.0])
    (runs / "failed" / "failure.txt").write_text("it went wrong")
    measure, names = order(runs)
    assert measure == "quality" and names[:2] == ["a", "b"]


def test_evaluations_of_the_same_recordings_go_before_validations(runs):
    evaluate(runs / "a", 0.3)
    assert order(runs)[0] == "quality", "b has none"
    evaluate(runs / "b", 0.6)
    assert order(runs) == ("evaluated_quality", ["b", "a"])
    text = leaderboard.write(runs, "auto", runs / "out")
    assert "by evaluated_quality, which evaluations of the same recordings give for every run:" in text
    with (runs / "out" / "leaderboard.csv").open() as file:
        found = [(row["run"], row["evaluated_quality"], row["evaluated_distillmos"]) for row in csv.DictReader(file)]
    assert found == [("b", "0.6", "2.0"), ("a", "0.3", "2.0")]


def test_evaluations_that_were_made_otherwise_are_not_compared(runs):
    evaluate(runs / "a", 0.3)
    evaluate(runs / "b", 0.6, content={"source": "other", "target": "b"})
    assert order(runs)[0] == "quality"
    evaluate(runs / "b", 0.2, name="again")
    assert order(runs) == ("evaluated_quality", ["a", "b"])


def test_recordings_to_choose_by_go_before_those_that_measure_the_choice(runs):
    for name, test, development in (("a", 0.9, 0.3), ("b", 0.1, 0.5)):
        evaluate(runs / name, development, name="development", split="development")
        evaluate(runs / name, test, name="test", split="test")
    assert order(runs) == ("evaluated_quality", ["b", "a"])


def test_an_evaluation_of_another_run_is_not_this_ones(runs):
    for name in ("a", "b"):
        evaluate(runs / name, 0.5, settings={"run_dir": "/somewhere/else"})
    assert order(runs)[0] == "quality"


def test_a_damaged_evaluation_is_named_and_the_run_is_ranked(runs):
    for name in ("a", "b"):
        evaluate(runs / name, 0.5)
    path = runs / "a" / "held_out" / "metrics.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"summary": 1}))
    text = leaderboard.write(runs, "auto", runs / "out")
    assert "a/held_out: metrics.json: summary is 1; skipped" in text and "by quality, which" in text
    path.unlink()
    path.symlink_to(runs / "b" / "held_out" / "metrics.json")
    assert "a/held_out: metrics.json" in leaderboard.write(runs, "auto", runs / "out"), "a link that leads out"
