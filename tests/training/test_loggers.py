"""What reaches the loggers, read back from what they wrote."""

import csv
import errno
import io
import json
import os
import struct
import time
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile
import torch
from matplotlib.image import imread
from omegaconf import OmegaConf
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto.wandb_internal_pb2 import Record

from melgan_vc.cli import CONF
from melgan_vc.errors import UserError
from melgan_vc.training import run
from melgan_vc.training.loggers import wandb_file
from melgan_vc.training.loggers.base import Start
from melgan_vc.training.loggers.csv import CsvLog, rows_until
from melgan_vc.training.wandb_key import has_key
from tests.conftest import tiny_training
from tests.test_configs import composed

LOSSES = {f"generator/{name}" for name in ("hinge", "travel", "margin", "identity", "total")} | {
    f"discriminator/{name}" for name in ("hinge_real", "hinge_fake", "total")
}
LOGGED = [2, 4, 6, 8, 10, 12]


def train(logger, two_domains, tmp_path, *more):
    return run.train(
        composed(
            *tiny_training(two_domains, tmp_path),
            f"logger={logger}",
            "data.validation_share=0.3",
            "trainer.max_batches=12",
            "optim.log_every=2",
            "checkpoint.every_batches=4",
            "callbacks.validation.every_batches=4",
            "callbacks.validation.voice=false",
            *more,
        )
    )


def next_second():
    """TensorBoard reads a run's files by name, which holds the second they were begun in, then a counter as text."""
    time.sleep(1 - time.time() % 1)


def killed_after_ten(logger, two_domains, tmp_path):
    """A training that logged ten batches, but whose last checkpoint is of the eighth."""
    folder = train(logger, two_domains, tmp_path, "trainer.max_batches=10", "callbacks.validation.at_end=false")
    (folder / "checkpoints" / "last.ckpt").unlink()
    next_second()
    return folder


def batches(rows, key):
    return [int(row["step"]) for row in rows if row.get(key)]


def test_tensorboard_shows_losses_and_pictures_and_plays_sounds(two_domains, tmp_path):
    folder = train("tensorboard", two_domains, tmp_path, "trainer.max_batches=8")
    next_second()
    train("tensorboard", two_domains, tmp_path, "trainer.max_batches=12", "resume=auto")
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) >= LOSSES | {"held_out/mel_distance", "gradient_norm/siamese"}
    assert [point.step for point in events.Scalars("generator/travel")] == LOGGED
    assert "config/text_summary" in events.Tags()["tensors"]
    kinds = ("source", "converted", "target")
    with tensorboard_page(folder) as ask:
        for plugin, group, get in (("images", "held_out_mel", "Image"), ("audio", "held_out_audio", "Audio")):
            tags = json.loads(ask(f"{plugin}/tags"))
            assert list(tags) == ["tensorboard"]
            assert {f"{group}/01/{kind}" for kind in kinds} == set(tags["tensorboard"])
            for kind in kinds:
                query = urlencode({"run": "tensorboard", "tag": f"{group}/01/{kind}", "sample": 0})
                shown = json.loads(ask(f"{plugin}/{plugin}?{query}"))
                assert [entry["step"] for entry in shown] == [4, 8, 12]
                for entry in shown:
                    content = io.BytesIO(ask(f"{plugin}/individual{get}?{entry['query']}"))
                    sample = folder / "samples" / f"batch_{entry['step']:07d}" / f"01_{kind}"
                    if plugin == "images":
                        assert content.getvalue().startswith(b"\x89PNG")
                        assert imread(content).shape[:2] == imread(sample.with_suffix(".png")).shape[:2]
                    else:
                        waveform, rate = soundfile.read(content)
                        kept, kept_rate = soundfile.read(sample.with_suffix(".wav"))
                        assert rate == kept_rate == 8000
                        np.testing.assert_allclose(waveform, kept, atol=2**-14)


@contextmanager
def tensorboard_page(folder):
    """Start TensorBoard's own server; yields what asks it for the data of a plugin."""
    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(folder), "--port", "0", "--load_fast", "false"])
    url = server.launch()

    def ask(path):
        with urlopen(f"{url}data/plugin/{path}", timeout=30) as answer:
            return answer.read()

    until = time.monotonic() + 30
    while "tensorboard" not in json.loads(ask("audio/tags")) and time.monotonic() < until:
        time.sleep(0.05)  # it reads the files in a thread
    yield ask


def test_a_resumed_training_goes_on_in_the_same_curves(two_domains, tmp_path):
    whole = train("default", two_domains, tmp_path / "whole")
    cut = killed_after_ten("default", two_domains, tmp_path / "cut")
    train("default", two_domains, tmp_path / "cut", "resume=auto")
    tables = [list(csv.DictReader((folder / "metrics.csv").open())) for folder in (whole, cut)]
    each = []  # GFLOP of a batch
    for rows in tables:
        assert batches(rows, "generator/travel") == LOGGED
        assert batches(rows, "held_out/travel") == [4, 8, 12]
        for row in rows:
            rate, arithmetic = (row.pop(f"throughput/{name}_per_second") for name in ("batches", "gflop"))
            if row["generator/travel"]:  # validations have a line of their own
                each.append(float(arithmetic) / float(rate))
    assert each == pytest.approx([each[0]] * 2 * len(LOGGED)) and each[0] > 0
    assert tables[0] == tables[1]
    curves = [EventAccumulator(str(folder / "tensorboard")).Reload() for folder in (whole, cut)]
    values = [[(point.step, point.value) for point in curve.Scalars("generator/travel")] for curve in curves]
    assert values[0] == values[1]


def test_a_line_that_was_cut_off_in_writing_is_dropped(tmp_path):
    (tmp_path / "metrics.csv").write_text("a,step,z\n1,2,3\n1,4,3\n1,6,3\n5,4,")
    assert [row["step"] for row in rows_until(tmp_path / "metrics.csv", 4)] == ["2", "4"]


def wandb_row(step: str, more: str = "") -> bytes:
    """A row of history with this step as JSON."""
    record = Record()
    for key, value in ((wandb_file.STEP, step), ("generator/travel", json.dumps(more))):
        item = record.history.item.add()
        item.key, item.value_json = key, value
    return record.SerializeToString()


def wandb_content(payloads: list[bytes]) -> bytes:
    """What wandb writes of records: pieces that end where blocks of 32 KiB do."""
    data = bytearray(7)
    for payload in payloads:
        first = True
        while first or payload:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += bytes(left)
                continue
            piece, payload = payload[: left - 7], payload[left - 7 :]
            data += (
                struct.pack("<IHB", 0, len(piece), (2 if payload else 1) if first else (3 if payload else 4)) + piece
            )
            first = False
    return bytes(data)


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "step,step\n1,1\n", f"{'x' * 200_000},step\n1,2\n"])
def test_a_table_without_a_header_that_can_be_read_has_no_rows(text, tmp_path, caplog):
    (tmp_path / "metrics.csv").write_text(text)
    assert rows_until(tmp_path / "metrics.csv", 4) == []
    assert "no column step" in caplog.text


@pytest.mark.parametrize("kind", ["a table elsewhere", "nothing", "a device", "a folder"])
def test_metrics_are_written_in_the_run_directory_whatever_stands_there(kind, tmp_path):
    run_dir, elsewhere = tmp_path / "run", tmp_path / "elsewhere.csv"
    run_dir.mkdir()
    if kind == "a table elsewhere":
        elsewhere.write_text("a,step\n1,2\n3,8\n")
    if kind == "a folder":
        (run_dir / "metrics.csv").mkdir()
    else:
        (run_dir / "metrics.csv").symlink_to("/dev/null" if kind == "a device" else elsewhere)
    logger = CsvLog(str(run_dir))
    logger.begin(Start({}, {}, batch_count=4))
    logger.log_metrics({"a": 5.0}, 6)
    logger.save()
    kept = ["1,2"] if kind == "a table elsewhere" else []
    assert (run_dir / "metrics.csv").read_text().splitlines() == ["a,step", *kept, "5.0,6"]
    assert not (run_dir / "metrics.csv").is_symlink()
    if kind == "a table elsewhere":
        assert elsewhere.read_text() == "a,step\n1,2\n3,8\n"
    else:
        assert not elsewhere.exists()


def wandb_rows(folder, key):
    """Batches at which a key is in the offline files, file by file."""
    files = sorted(Path(folder).glob("wandb/offline-run-*/run-*.wandb"))
    return [[row[wandb_file.STEP] for row in wandb_file.rows(file) if key in row] for file in files]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (wandb_content([b"\xff" * 20]), "holds a damaged record"),
        (wandb_content([wandb_row("[" * 100_000)]), "a row that is no JSON"),
        (wandb_content([wandb_row('"x"')]), "no number of batches"),
        (wandb_content([wandb_row("1e999")]), "no number of batches"),
        (wandb_content([bytes(5_000_000)]), "holds a record of over 4 MB"),
        ("/dev/zero", "is no regular file"),
        (None, "is larger than 500 MB"),
    ],
)
def test_a_damaged_file_of_wandb_is_one_line(content, reason, tmp_path):
    path = tmp_path / "run-abc.wandb"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        path.touch()
        os.truncate(path, 600_000_000)  # takes no space
    else:
        path.symlink_to(content)
    with pytest.raises(ValueError, match=reason) as raised:
        wandb_file.last_batches([path])
    assert "\n" not in str(raised.value)


def test_records_of_wandb_are_read_over_the_ends_of_blocks(tmp_path):
    path = tmp_path / "run-abc.wandb"
    path.write_bytes(wandb_content([wandb_row(str(step), "x" * 9000) for step in range(40)]))
    assert [row[wandb_file.STEP] for row in wandb_file.rows(path)] == list(range(40))
    path.write_bytes(path.read_bytes()[:-1])
    assert wandb_file.last_batches([path])[wandb_file.STEP] == 38, "without one that was cut off"


def test_wandb_without_a_key_writes_offline_what_was_logged(two_domains, tmp_path, no_key):
    assert not has_key()
    folder = train("wandb", two_domains, tmp_path)
    for key in LOSSES:
        assert wandb_rows(folder, key) == [LOGGED], key
    shown = OmegaConf.load(CONF / "dashboard.yaml")
    sections = list(shown.sections.values())
    media = [f"{key}/_type" for section in sections for keys in section.get("media", {}).values() for key in keys]
    tables = [f"{key}/_type" for section in sections for key in section.get("tables", [])]
    of_voices = {f"held_out/{name}" for name in ("f0_ratio", "to_target", "to_source", "distillmos", "cer", "quality")}
    for key in [key for section in sections for key in section.get("plots", [])] + tables + media:
        # Voice is off here, and there is one clip.
        if key not in of_voices and "/02/" not in key:
            assert wandb_rows(folder, key) != [[]], f"the dashboard shows {key}, which nothing logs"

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    records = list(wandb_file.records(path))
    config = {item.key: json.loads(item.value_json) for r in records for item in r.config.update}
    assert config["audio"]["n_mels"] == 24
    assert config["losses"]["travel"]["weight"] == 10
    assert set(config["data_hash"]) == {"source", "target"}
    assert set(config["code"]) in (set(), {"commit", "dirty"})
    (artifact,) = {
        r.artifact.name for r in records if r.artifact.type == "model" and r.artifact.name.endswith("bundle")
    }
    metadata = next(json.loads(r.artifact.metadata) for r in records if r.artifact.name == artifact)
    assert metadata["batches"] == 12
    assert metadata["mel_distance"] > 0

    tables = [json.loads(table.read_text()) for table in folder.glob("wandb/offline-*/files/media/table/**/*.json")]
    assert sorted(table["data"][0][0] for table in tables) == [4, 8, 12]
    assert tables[0]["columns"][2:5] == ["source", "converted", "target"]
    assert tables[0]["data"][0][2:] == ["Audio"] * 3 + ["Image"] * 3
    for kind in ("source", "converted", "target"):
        assert wandb_rows(folder, f"held_out/01/{kind}/_type") == [[4, 8, 12]]
        assert wandb_rows(folder, f"held_out/01/{kind}_mel/_type") == [[4, 8, 12]]
        (media,) = folder.glob("wandb/offline-*/files/media")
        assert len(list(media.glob(f"audio/held_out/01/{kind}_*.wav"))) == 3
        assert len(list(media.glob(f"images/held_out/01/{kind}_mel_*.png"))) == 3


def test_wandb_parts_of_a_resumed_training_join(two_domains, tmp_path, no_key):
    folder = killed_after_ten("wandb", two_domains, tmp_path)
    # A killed run also loses what wandb had not written yet: here all after the header and the first rows.
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    full, whole = wandb_rows(folder, "generator/travel")[0], path.read_bytes()
    size = len(whole)
    while wandb_rows(folder, "generator/travel")[0] != full[:2]:
        size -= 100
        path.write_bytes(whole[:size])
    train("wandb", two_domains, tmp_path, "resume=auto")
    for key in ("generator/travel", "discriminator/total"):
        assert wandb_rows(folder, key) == [[2, 4], [6, 8, 10, 12]]
    for key in ("held_out/travel", "held_out/clips/_type"):
        assert list(chain(*wandb_rows(folder, key))) == [4, 8, 12]
    names = {file.name for file in folder.glob("wandb/offline-run-*/run-*.wandb")}
    assert len(names) == 1, "both parts have the same run id"
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert names == {f"run-{content['loggers']['WandbLog']['id']}.wandb"}


def test_what_was_logged_is_not_logged_again(two_domains, tmp_path, no_key):
    folder = killed_after_ten("wandb", two_domains, tmp_path)
    train("wandb", two_domains, tmp_path, "resume=auto")
    assert wandb_rows(folder, "generator/travel") == [LOGGED[:5], LOGGED[5:]]


def test_another_training_gets_another_wandb_run_with_the_whole_curve(two_domains, tmp_path, no_key):
    folder = killed_after_ten("wandb", two_domains, tmp_path)
    train("wandb", two_domains, tmp_path, "resume=auto", "optim.generator.lr=0.001")
    assert sorted(wandb_rows(folder, "generator/travel")) == sorted([LOGGED[:5], LOGGED])
    assert len({file.name for file in folder.glob("wandb/offline-run-*/run-*.wandb")}) == 2


def test_a_copy_of_a_checkpoint_is_another_wandb_run(two_domains, tmp_path, no_key):
    folder = killed_after_ten("wandb", two_domains, tmp_path)
    (folder / "checkpoints" / "previous.ckpt").rename(tmp_path / "copy.ckpt")
    more = [f"resume='{tmp_path / 'copy.ckpt'}'", f"run_dir='{tmp_path / 'fork'}'"]
    train("wandb", two_domains, tmp_path, *more)
    names = [{file.name for file in made.glob("wandb/*/run-*.wandb")} for made in (folder, tmp_path / "fork")]
    assert len(names[0]) == len(names[1]) == 1
    assert names[0] != names[1]


def test_a_full_disk_keeps_the_table_of_figures(monkeypatch, two_domains, tmp_path):
    folder = killed_after_ten("csv", two_domains, tmp_path)
    table = (folder / "metrics.csv").read_text()
    write = csv.DictWriter.writerows

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerows", full)
    with pytest.raises(UserError, match="the disk is full"):
        train("csv", two_domains, tmp_path, "resume=auto")
    assert (folder / "metrics.csv").read_text() == table
    monkeypatch.setattr(csv.DictWriter, "writerows", write)
    train("csv", two_domains, tmp_path, "resume=auto")
    assert batches(csv.DictReader((folder / "metrics.csv").open()), "generator/travel") == LOGGED


def test_tensorboard_forgets_what_came_before_a_first_checkpoint(two_domains, tmp_path):
    folder = train("tensorboard", two_domains, tmp_path, "trainer.max_batches=4")
    for path in (folder / "checkpoints").glob("*.ckpt"):
        path.unlink()
    (folder / "bundle.safetensors").unlink()
    next_second()
    train("tensorboard", two_domains, tmp_path, "resume=auto")
    curve = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [point.step for point in curve.Scalars("generator/travel")] == LOGGED


@pytest.mark.parametrize("host", ["api.forge.coreweave.com", "api.wandb.ai"])
def test_a_key_that_wandb_login_left_is_found(host, monkeypatch, tmp_path, no_key):
    (tmp_path / ".netrc").write_text(f"machine {host}\n  login user\n  password x\n")
    assert not has_key()  # NETRC names another file
    monkeypatch.delenv("NETRC")
    assert has_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org/")
    assert not has_key()
