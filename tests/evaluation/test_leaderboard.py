"""Runs are ranked by a held-out measure, beside what differed between them."""

import csv

import pytest
import yaml

from melgan_vc.errors import UserError
from melgan_vc.evaluation import leaderboard


def make_run(folder, weight, distances, failure=None):
    folder.mkdir(parents=True)
    kind = "strategies.ddp" if weight > 5 else "strategies.single"
    config = {
        "losses": {"travel": {"weight": weight}},
        "strategy": {"_target_": kind},
        "seed": 0,
        "run_dir": str(folder),
        "logger": {"csv": {"a": 1}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with (folder / "metrics.csv").open("w") as file:
        writer = csv.DictWriter(file, [leaderboard.SPEED, "held_out/mel_distance", "held_out/to_target", "step"])
        writer.writeheader()
        for number, distance in enumerate(distances, start=1):
            writer.writerow(
                {"held_out/mel_distance": distance, "held_out/to_target": distance / 100, "step": 10 * number}
            )
        for speed in (90, 3, weight):
            writer.writerow({leaderboard.SPEED: speed, "step": 10 * len(distances) + 5})
    (folder / "best.safetensors").write_text(str(weight))
    if failure:
        (folder / "failure.txt").write_text(f"{failure}\n\nTraceback")


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "some runs"
    make_run(folder / "a", 5, [30.0, 20.0, 25.0])
    make_run(folder / "deep" / "b", 10, [19.0, 22.0])
    make_run(folder / "c", 20, [])
    make_run(folder / "d", 40, [1.0], failure="it went wrong")
    (folder / "a" / "wandb" / "files").mkdir(parents=True)
    (folder / "a" / "wandb" / "files" / "config.yaml").write_text("seed: {value: 0}")
    return folder


def test_the_best_validation_of_each_run_counts(runs):
    entries = leaderboard.read(runs, "mel_distance")
    found = [(one.name, one.batch, one.measures.get("mel_distance"), one.batches) for one in entries]
    assert found == [("d", 10, 1.0, 15), ("deep/b", 10, 19.0, 25), ("a", 20, 20.0, 35), ("c", None, None, 5)]
    entries = leaderboard.read(runs, "to_target")
    assert [(one.name, one.batch) for one in entries[:2]] == [("a", 10), ("deep/b", 20)], "more of it is better"


def test_what_differs_is_shown_and_what_failed_is_named(runs, tmp_path):
    shown = leaderboard.write(runs, "mel_distance", tmp_path / "out")
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert [cell.strip() for cell in rows[0].split("|")[1:-1]] == [
        "", "mel_distance", "travel.weight", "strategy", "at batch", "batches", "batches/s", "run",
    ]  # fmt: skip
    assert [cell.strip() for cell in rows[2].split("|")[1:-1]] == [
        "1", "19.000", "10", "ddp", "10", "25", "10", "deep/b",
    ]  # fmt: skip
    assert len(rows) == 5, "a failed run has no place"
    assert "failed: d: it went wrong (all of it: d/failure.txt)" in shown
    assert (runs / "best.safetensors").read_text() == "10"
    assert (runs / "best.safetensors").is_symlink()
    table = list(csv.DictReader((tmp_path / "out" / "leaderboard.csv").open()))
    assert [row["losses.travel.weight"] for row in table] == ["40", "10", "5", "20"]
    assert table[0]["failure"] == "it went wrong"
    assert (table[1]["to_target"], table[1]["batches_per_second"]) == ("0.19", "10.0")
    assert (tmp_path / "out" / "leaderboard.png").stat().st_size > 1000


def test_the_picture_has_a_panel_for_each_swept_setting(runs):
    panels = leaderboard.figure(leaderboard.read(runs, "mel_distance"), "mel_distance").axes
    assert [panel.get_xlabel() for panel in panels] == ["travel.weight", "strategy"]
    assert [label.get_text() for label in panels[1].get_xticklabels()] == ["ddp", "single"]
    assert "less is better" in panels[0].get_ylabel()


@pytest.mark.parametrize(
    ("measure", "words"), [("loss", "measure is 'loss': give one of"), ("f0_ratio", "give one of")]
)
def test_a_measure_that_ranks_nothing_is_refused(measure, words, runs):
    with pytest.raises(UserError, match=words):
        leaderboard.read(runs, measure)


def test_no_runs_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="no runs found"):
        leaderboard.read(tmp_path / "none", "mel_distance")
