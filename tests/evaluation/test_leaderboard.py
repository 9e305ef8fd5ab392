"""Runs are ranked by a held-out measure, beside what differed between them."""

import csv
import errno
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save

from melgan_vc.bundle_header import FORMAT, read_header
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents, leaderboard
from melgan_vc.evaluation.runs import SPEED, comparable
from melgan_vc.evaluation.runs import read as read_runs


def make_bundle(path, weight=0, **provenance):
    about = {"format": FORMAT, "weight": weight, "provenance": provenance}
    path.write_bytes(save({"weight": np.zeros(1)}, {"about": json.dumps(about)}))


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
        writer = csv.DictWriter(file, [SPEED, "held_out/mel_distance", "held_out/to_target", "step"])
        writer.writeheader()
        for number, distance in enumerate(distances, start=1):
            writer.writerow(
                {"held_out/mel_distance": distance, "held_out/to_target": distance / 100, "step": 10 * number}
            )
        for speed in (90, 3, weight):
            writer.writerow({SPEED: speed, "step": 10 * len(distances) + 5})
    make_bundle(folder / "best.safetensors", weight)
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
    entries = read_runs(runs, "mel_distance").entries
    found = [(one.name, one.batch, one.measures.get("mel_distance"), one.batches) for one in entries]
    assert found == [("d", 10, 1.0, 15), ("deep/b", 10, 19.0, 25), ("a", 20, 20.0, 35), ("c", None, None, 5)]
    entries = read_runs(runs, "to_target").entries
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
    assert read_header(runs / "best.safetensors").about["weight"] == 10
    assert (runs / "best.safetensors").is_symlink()
    table = list(csv.DictReader((tmp_path / "out" / "leaderboard.csv").open()))
    assert [row["losses.travel.weight"] for row in table] == ["40", "10", "5", "20"]
    assert table[0]["failure"] == "it went wrong"
    assert (table[1]["to_target"], table[1]["batches_per_second"]) == ("0.19", "10.0")
    assert (tmp_path / "out" / "leaderboard.png").stat().st_size > 1000


def test_the_picture_has_a_panel_for_each_swept_setting(runs):
    panels = leaderboard.figure(read_runs(runs, "mel_distance").entries, "mel_distance").axes
    assert [panel.get_xlabel() for panel in panels] == ["travel.weight", "strategy"]
    assert [label.get_text() for label in panels[1].get_xticklabels()] == ["ddp", "single"]
    assert "less is better" in panels[0].get_ylabel()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n" for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.yaml", b"", "is no mapping"),
        ("config.yaml", b"- a\n- b\n", "is no mapping"),
        ("config.yaml", b"a: [1, 2", "line 1"),
        ("config.yaml", b"a: 1\na: 2\n", "'a' is there twice"),
        ("config.yaml", b"\x00\x01\xff\xfe", "is not a text in UTF-8"),
        ("config.yaml", b"a: \x00", "holds NUL bytes"),
        ("config.yaml", b"a: " + b"[" * 50_000, "is nested too deeply"),
        ("config.yaml", b"a: " + b"[" * 60 + b"]" * 60, "is nested too deeply"),
        ("config.yaml", BOMB.encode(), "aliases"),
        ("config.yaml", b"a: &x [*x]", "aliases"),
        ("config.yaml", b"? [a]\n: 1", "unhashable"),
        ("config.yaml", b"a: 2026-99-99", "month must be in"),
        ("config.yaml", b"a: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("config.yaml", b"a: " + b"9" * 5000, "is no YAML"),
        ("config.yaml", b"x" * 400_000, "is larger than"),
        ("config.yaml", None, "is missing"),
        ("config.yaml", "/dev/zero", "is no regular file"),
        ("config.yaml", "config.yaml", "a link that leads nowhere"),
        ("config.yaml", ".", "is a folder"),
        ("metrics.csv", b"", "is empty"),
        ("metrics.csv", b"step,step\n1,1\n", "the column step twice"),
        ("metrics.csv", b"a,b\n1,2\n", "no column step"),
        ("metrics.csv", b"step\n1\nx\n", "step is 'x'"),
        ("metrics.csv", b"step\nnan\n", "step is 'nan'"),
        ("metrics.csv", b"step\n1e300\n", "step is '1e300'"),
        ("metrics.csv", b"step,b\n1\n", "line 2: has 1 cells, not 2"),
        ("metrics.csv", b"step\n" + b"1" * 200_000 + b"\n", "field larger than"),
        ("metrics.csv", b'step,b\n1,"x\n', "is no CSV"),
        ("metrics.csv", b"step,held_out/mel_distance\n1,oops\n", "'oops', not a number"),
        ("metrics.csv", b"step\n\x00\n", "holds NUL bytes"),
        ("metrics.csv", ".", "is a folder"),
        ("metrics.csv", "nowhere", "leads nowhere"),
        ("metrics.csv", "/etc/hostname", "leads out of its folder"),
    ],
)
def test_a_damaged_run_is_named_and_the_others_are_shown(runs, name, content, reason, tmp_path):
    damaged = runs / "a" / name
    damaged.unlink()
    if isinstance(content, str):
        damaged.symlink_to(content)
    elif content is not None:
        damaged.write_bytes(content)
    shown = leaderboard.write(runs, "mel_distance", tmp_path / "out")
    (line,) = [line for line in shown.splitlines() if line.startswith(f"a: {name}") and line.endswith("; skipped")]
    assert reason in line and len(line) < 250
    assert "| deep/b |" in shown and "3 runs in" in shown


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "failed: d: unknown: no reason was kept"),
        ("\x1b[2Jgone\n", "failed: d: \\x1b[2Jgone (all"),
        ("x" * 10_000, f"failed: d: {'x' * 500}... (all"),
    ],
)
def test_what_a_failed_job_says_is_one_line(runs, content, reason, tmp_path):
    (runs / "d" / "failure.txt").write_text(content)
    assert reason in leaderboard.write(runs, "mel_distance", tmp_path / "out")


def test_a_job_that_never_began_has_its_overrides(tmp_path):
    for number, content in enumerate(['{"overrides": ["seed=3", "+a.b=[1"]}', '{"overrides": 3}', "[" * 9999, "{}"]):
        folder = tmp_path / str(number)
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "job.json").write_text(content)
    make_run(tmp_path / "good", 1, [3.0])
    survey = read_runs(tmp_path, "mel_distance")
    assert [one.name for one in survey.entries] == ["good"] and len(survey.skipped) == 4
    (tmp_path / "0" / "job.json").write_text('{"overrides": ["seed=3", "+a.b=[1]"]}')
    survey = read_runs(tmp_path, "mel_distance")
    assert survey.entries[1].settings == {"seed": 3, "a.b": [1]}


def test_a_row_that_was_cut_off_in_writing_counts_for_nothing(tmp_path):
    make_run(tmp_path / "a", 1, [3.0])
    with (tmp_path / "a" / "metrics.csv").open("a") as file:
        file.write("1.0,0.2")
    assert read_runs(tmp_path, "mel_distance").entries[0].measures["mel_distance"] == 3


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "-1e308"])
def test_a_measure_that_is_no_number_ranks_nothing(tmp_path, value):
    make_run(tmp_path / "a", 1, [float(value)])
    make_run(tmp_path / "b", 2, [3.0])
    shown = leaderboard.write(tmp_path, "mel_distance", tmp_path)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("| ")]
    assert rows[2][1] == "3.000" and rows[3][1] == "-"


def test_a_damaged_bundle_is_not_linked(runs, tmp_path):
    (runs / "deep" / "b" / "best.safetensors").write_bytes(b"")
    shown = leaderboard.write(runs, "mel_distance", tmp_path)
    assert "\ndeep/b/best.safetensors: cannot be read as a bundle" in shown
    assert read_header(runs / "best.safetensors").about["weight"] == 5


def test_files_of_others_are_never_replaced_by_the_link(runs, tmp_path):
    (runs / "best.safetensors").write_text("mine")
    assert ", also" not in leaderboard.write(runs, "mel_distance", tmp_path)
    assert (runs / "best.safetensors").read_text() == "mine"
    leaderboard.write(runs / "a", "mel_distance", tmp_path)  # the folder is itself the run
    assert read_header(runs / "a" / "best.safetensors").about["weight"] == 5
    assert not (runs / "a" / "best.safetensors").is_symlink()


def test_runs_of_somebody_else_are_ranked_and_not_linked(runs, tmp_path, monkeypatch, caplog):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    shown = leaderboard.write(runs, "mel_distance", tmp_path)
    assert "19.000" in shown and ", also" not in shown and "best.safetensors was not linked" in caplog.text


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), MemoryError()])
def test_a_full_disk_is_no_fault_of_a_picture(runs, tmp_path, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr(leaderboard, "figure", fails)
    with pytest.raises(type(error)):
        leaderboard.draw([], "mel_distance", tmp_path / "leaderboard.png")


@pytest.mark.parametrize("target", ["os.makedirs", "builtins.exec", "mypackage.Mine", "", 3, None, ["os.system"]])
def test_a_run_that_names_what_no_config_may_name_is_refused_in_a_line(runs, target, tmp_path):
    config = {"data": {"extra": [{"deep": {"_target_": target, "name": str(tmp_path / "made")}}]}}
    (runs / "a" / "config.yaml").write_text(yaml.safe_dump(config))
    shown = leaderboard.write(runs / "a", "mel_distance", tmp_path / "out")
    assert "skipped" not in shown, "nothing of it is called"
    for name in "bcd":
        shutil.rmtree(runs / ("deep" if name == "b" else name))
    with pytest.raises(UserError, match=r"a: config.yaml: data.extra.0.deep._target_ is"):
        leaderboard.write(runs, "mel_distance", tmp_path / "out", trust=())
    assert not (tmp_path / "made").exists()


def test_evaluations_are_no_runs(runs):
    shutil.copytree(runs / "a", runs / "a" / "evaluated")
    (runs / "a" / "evaluated" / "metrics.json").write_text("{}")
    assert len(read_runs(runs, "mel_distance").entries) == 4


def test_runs_on_other_recordings_or_mels_stand_in_tables_of_their_own(tmp_path):
    def change(name, **settings):
        make_run(tmp_path / name, 1, [float(ord(name))])
        path = tmp_path / name / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))

    here, there = {"source": "/rec/anna", "target": "/rec/bob"}, {"source": "/rec/carl", "target": "/rec/bob"}
    change("a", data=here)
    change("b", data=here, seed=3)
    change("c", data=there)
    change("d", data=here, audio={"n_mels": 80})
    shown = leaderboard.write(tmp_path, "mel_distance", tmp_path / "out")
    assert (
        "1 of 3: audio.n_mels=-; data.source=/rec/anna\n" in shown
        and "2 of 3: audio.n_mels=-; data.source=/rec/c" in shown
    )
    assert shown.count("| mel_distance |") == 3 and "best bundle" not in shown
    assert not (tmp_path / "best.safetensors").exists()
    rows = {row["run"]: row for row in csv.DictReader((tmp_path / "out" / "leaderboard.csv").open())}
    assert [rows[name]["comparable"] for name in "abcd"] == ["1", "1", "2", "3"]


def test_the_same_recordings_elsewhere_are_the_same_and_changed_ones_are_not(tmp_path):
    for name, source, content in (("a", "/x", "1"), ("b", "/moved", "1"), ("c", "/moved", "2"), ("d", "/x", None)):
        make_run(tmp_path / name, 1, [1.0])
        path = tmp_path / name / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"data": {"source": source}}))
        if content:
            make_bundle(tmp_path / name / "bundle.safetensors", data={"source": content})
    groups = comparable(read_runs(tmp_path, "mel_distance").entries)
    assert [[one.name for one in group] for group in groups] == [["a", "b", "d"], ["c"]]


NAMES = [
    "$a$b$",
    "_x",
    "^_{\\frac",
    "=1+1",
    "-2",
    "@x\ty",
    "\x1b[31mred",
    "<b>|&",
    "𝔘é漢字🎤",
    "\u202eabc",
    "n" * 200,
    "100%\n",
]


def test_odd_names_reach_tables_pictures_and_csv_files_unharmed(tmp_path):
    for number, name in enumerate(NAMES):
        make_run(tmp_path / name, number, [float(number)])
        path = tmp_path / name / "config.yaml"
        config = yaml.safe_load(path.read_text()) | {"name": name, name[:50]: number, "data": {"batch_size": 10**40}}
        path.write_text(yaml.safe_dump(config, allow_unicode=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = leaderboard.write(tmp_path, "mel_distance", tmp_path)
    assert "leaderboard.png" in shown and not {"\x1b", "\u202e", "\t"} & set(shown)
    with (tmp_path / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row)
    rows = list(documents.read_table(tmp_path / "leaderboard.csv", ("run", *(name[:50] for name in NAMES))))
    assert sorted(row["run"] for row in rows) == sorted(NAMES) == sorted(row["name"] for row in rows)


@pytest.mark.parametrize(
    ("measure", "words"), [("loss", "measure is 'loss': give one of"), ("f0_ratio", "give one of")]
)
def test_a_measure_that_ranks_nothing_is_refused(measure, words, runs):
    with pytest.raises(UserError, match=words):
        read_runs(runs, measure)


def test_no_runs_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="no runs found"):
        read_runs(tmp_path / "none", "mel_distance")
