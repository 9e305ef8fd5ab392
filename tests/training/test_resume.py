"""A training that was cut off goes on as if it had not been."""

import io
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import soundfile
import torch
from omegaconf import OmegaConf

from melgan_vc import bundle
from melgan_vc.cli import CONF
from melgan_vc.data import datamodule
from melgan_vc.data.splits import RECORDED
from melgan_vc.errors import UserError
from melgan_vc.evaluate import run_config
from melgan_vc.temporary import host
from melgan_vc.training import checkpoint_io, run
from melgan_vc.training.run_config import CommandLine
from melgan_vc.training.run_directory import claimed
from tests.commands import Running
from tests.conftest import ROOT, hum, tiny_training
from tests.test_configs import composed


def settings(two_domains, folder, *more):
    return [
        *tiny_training(two_domains, folder),
        "data.validation_share=0.3",
        "logger=csv",
        "optim.log_every=5",
        "checkpoint.every_batches=10",
        "callbacks.validation.every_batches=20",
        "callbacks.validation.voice=false",
        "trainer.max_batches=40",
        *more,
    ]


def train(two_domains, folder, *more):
    return run.train(composed(*settings(two_domains, folder, *more)))


def typed(*overrides):
    """As python -m melgan_vc.train with these overrides."""
    groups = [path.name for path in CONF.iterdir() if path.is_dir()]
    return run.train(composed(*overrides), CommandLine(overrides, groups, lambda others: composed(*others)))


def read(path):
    return torch.load(path, weights_only=True)


def assert_same_files(one, other):
    patterns = ("*.safetensors", "checkpoints/*.ckpt")
    names, others = ({path.relative_to(f) for pattern in patterns for path in f.glob(pattern)} for f in (one, other))
    assert names == others
    assert len(names) >= 3
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize(
    "more",
    [
        ["data.workers=0"],
        ["data.workers=2", "optim.ema_decay=null"],
        ["stability=[lecam,augment,clip,cosine,ema_rampup]"],  # all levers that have a state or draw numbers
    ],
)
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(more, two_domains, tmp_path):
    whole = train(two_domains, tmp_path / "whole", *more)
    folder = tmp_path / "cut"
    log = folder / "run" / "metrics.csv"
    with Running("train", *settings(two_domains, folder, *more), cwd=tmp_path) as running:
        until = time.monotonic() + 120
        while not (log.is_file() and log.read_text().count("\n") > 4) and time.monotonic() < until:
            time.sleep(0.002)
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait().returncode == -signal.SIGKILL
    kept = read(folder / "run" / "checkpoints" / "last.ckpt")["batch_count"]
    assert 0 < kept < 40
    train(two_domains, folder, *more, "resume=auto")
    assert_same_files(whole, folder / "run")


def test_a_run_of_an_older_version_keeps_its_split(tmp_path, monkeypatch):
    """Which held out a single recording of any number where its share said no more."""
    for domain, pitch in (("a", 200), ("b", 110)):
        (tmp_path / domain).mkdir()
        for number in range(13):
            soundfile.write(tmp_path / domain / f"{number}.wav", hum(0.6, 8000, pitch, number), 8000)
    domains = (tmp_path / "a", tmp_path / "b")
    more = ["data.validation_share=0.01", "callbacks.validation.every_batches=100"]
    monkeypatch.setattr(datamodule, "LEAST_HELD_OUT", 1)
    whole = train(domains, tmp_path / "whole", *more)
    cut = train(domains, tmp_path / "cut", *more, "trainer.max_batches=20")
    monkeypatch.undo()
    path = cut / "checkpoints" / "last.ckpt"
    content = read(path)
    assert content["about"].pop(RECORDED) == 1
    torch.save(content, path)
    train(domains, tmp_path / "cut", *more, "resume=auto")
    assert (whole / bundle.NAME).read_bytes() == (cut / bundle.NAME).read_bytes()
    assert bundle.load(cut).provenance[RECORDED] == 1
    new = train(domains, tmp_path / "new", *more, "trainer.max_batches=1")
    assert bundle.load(new).provenance[RECORDED] == 3


def test_every_draw_and_counter_is_resumed(two_domains, tmp_path):
    whole = train(two_domains, tmp_path / "whole")
    train(two_domains, tmp_path / "cut", "trainer.max_batches=23")
    cut = train(two_domains, tmp_path / "cut", "resume=auto")
    assert_same_files(whole, cut)
    content = read(cut / "checkpoints" / "last.ckpt")
    assert content["batch_count"] == 40
    assert {"torch", "python", "numpy"} <= content["random"][0].keys()


def test_a_training_stopped_by_the_clock_can_go_on(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_minutes=0.001")
    first = read(folder / "checkpoints" / "last.ckpt")["batch_count"]
    assert 0 < first < 40
    train(two_domains, tmp_path, "resume=auto")
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 40
    assert bundle.load(folder).provenance["batches"] == 40


def test_auto_starts_from_nothing_where_there_is_nothing(two_domains, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = train(two_domains, tmp_path, "resume=auto", "trainer.max_batches=2")
    assert "starting from the first batch" in caplog.text
    assert bundle.load(folder).provenance["batches"] == 2


def test_a_finished_training_is_left_alone(two_domains, tmp_path, caplog):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    kept = (folder / "bundle.safetensors").read_bytes()
    (folder / "bundle.safetensors").unlink()  # as if it was killed before it could be written
    caplog.set_level("INFO")
    train(two_domains, tmp_path, "trainer.max_batches=10", "resume=auto")
    assert "all 10 batches are trained" in caplog.text
    assert (folder / "bundle.safetensors").read_bytes() == kept


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text" * 99])
def test_an_unreadable_checkpoint_is_survived(damage, two_domains, tmp_path, caplog):
    whole = train(two_domains, tmp_path / "whole")
    folder = train(two_domains, tmp_path / "cut", "trainer.max_batches=30")
    last = folder / "checkpoints" / "last.ckpt"
    last.write_bytes(damage(last.read_bytes()))
    train(two_domains, tmp_path / "cut", "resume=auto")
    assert "last.ckpt: cannot be read as a checkpoint" in caplog.text
    assert "going back to previous.ckpt" in caplog.text
    assert_same_files(whole, folder)


def test_no_readable_checkpoint_is_one_clear_error(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    for path in (folder / "checkpoints").iterdir():
        path.write_bytes(b"text")
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        train(two_domains, tmp_path, "resume=auto")
    with pytest.raises(UserError, match="no such run directory or checkpoint"):
        train(two_domains, tmp_path, f"resume='{tmp_path / 'none'}'")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no checkpoint"):
        train(two_domains, tmp_path, f"resume='{tmp_path / 'empty'}'")


def test_other_settings_are_told_and_other_meanings_refused(two_domains, tmp_path, caplog):
    caplog.set_level("INFO")
    train(two_domains, tmp_path, "trainer.max_batches=10")
    swapped = [f"data.source='{two_domains[1]}'", "trainer.max_batches=20", "resume=auto"]
    with pytest.raises(UserError, match=r"trained with other data: data\.source now has .* allow_changes=\[data\]"):
        train(two_domains, tmp_path, *swapped)
    with pytest.raises(UserError, match=r"trained with other chunk: chunk\.splits: 3 -> 2"):
        train(two_domains, tmp_path, "chunk.splits=2", "resume=auto")
    with pytest.raises(UserError, match=r"other networks: networks\.generator\.channels: 8 -> 4"):
        train(two_domains, tmp_path, "networks.generator.channels=4", "resume=auto")
    with pytest.raises(UserError, match=r"other audio: audio\.top_db"):
        train(two_domains, tmp_path, "audio.top_db=60", "resume=auto", "allow_changes=[data]")
    train(two_domains, tmp_path, "audio.top_db=60", "resume=auto", "allow_changes=[audio]", "trainer.max_batches=10")
    with pytest.raises(UserError, match=r"allow_changes is \['loss'\]: give a list"):
        train(two_domains, tmp_path, "resume=auto", "allow_changes=[loss]")
    train(two_domains, tmp_path, *swapped, "allow_changes=[data]", "optim.discriminator.lr=0.001")
    assert "optim.discriminator.lr: 0.0002 -> 0.001" in caplog.text
    assert "trainer.max_batches: 10 -> 20" in caplog.text


def test_networks_that_do_not_fit_are_one_clear_error(two_domains, tmp_path):
    train(two_domains, tmp_path, "trainer.max_batches=10")
    with pytest.raises(UserError, match=r"\d+ weights do not fit this config, first"):
        train(two_domains, tmp_path, "networks.generator.channels=4", "resume=auto", "allow_changes=[networks]")


def test_a_run_directory_brings_its_own_config(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10", "losses.travel.weight=3")
    older = OmegaConf.load(folder / "config.yaml")
    del older.trainer.num_nodes, older.strategy  # as a version before these settings left it
    OmegaConf.save(older, folder / "config.yaml")
    typed("trainer.max_batches=20", f"resume='{folder}'")
    stored = OmegaConf.load(folder / "config.yaml")
    assert (stored.losses.travel.weight, stored.trainer.max_batches, stored.audio.n_mels) == (3, 20, 24)
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 20


def test_groups_and_removals_are_applied_to_the_runs_own_config(two_domains, tmp_path, caplog):
    own = ["losses.travel.weight=3", "~callbacks.silence", "trainer.max_batches=10"]
    folder = train(two_domains, tmp_path, *own)
    more = ["stability=[clip,lecam,ema_rampup]", "callbacks=early_stopping", "~logger.csv", "logger=default"]
    caplog.set_level("INFO")
    typed(*more, "callbacks.validation.voice=false", "trainer.max_batches=12", f"resume='{folder}'")
    stored = OmegaConf.load(folder / "config.yaml")
    assert (stored.losses.travel.weight, stored.audio.n_mels, stored.optim.clip.generator) == (3, 24, 10)
    assert stored.losses.lecam.weight == 0.15
    assert {"early_stopping", "silence"} <= stored.callbacks.keys(), "a group that is named is taken whole"
    assert list(stored.logger) == ["tensorboard"]
    assert "the state of lecam starts anew" in caplog.text
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 12


def test_an_average_that_is_added_starts_from_the_generator(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10", "optim.ema_decay=null")
    before = read(folder / "checkpoints" / "last.ckpt")["state_dict"]
    train(two_domains, tmp_path, "trainer.max_batches=11", "optim.ema_decay=0.9999", "resume=auto")
    after = read(folder / "checkpoints" / "last.ckpt")["state_dict"]
    names = [name for name in after if name.startswith("average.network.") and after[name].is_floating_point()]
    near = [(after[name] - before[name.replace("average.network", "generator")]).abs().max() for name in names]
    assert len(names) > 10
    assert max(value for name, value in zip(names, near, strict=True) if name.endswith("weight")) < 1e-4


def test_a_run_is_resumed_from_another_folder_and_from_inside(two_domains, tmp_path, monkeypatch):
    monkeypatch.chdir(two_domains[0].parent)
    given = ["data.source=source", "data.target=target", f"data.store='{tmp_path / 'mels'}'", "trainer.max_batches=10"]
    folder = train(two_domains, tmp_path, *given)
    monkeypatch.chdir(folder / "checkpoints")
    for number, where in enumerate((".", "last.ckpt", "..")):
        assert typed(f"resume={where}", f"trainer.max_batches={11 + number}").resolve() == folder
    assert read("last.ckpt")["batch_count"] == 13


def test_a_start_that_failed_does_not_block_the_next(two_domains, tmp_path, monkeypatch):
    monkeypatch.setattr("melgan_vc.training.callbacks.checkpoint.checkpoint_bytes", lambda module: 10**18)
    with pytest.raises(UserError, match="are free; free some"):
        train(two_domains, tmp_path)
    monkeypatch.undo()
    train(two_domains, tmp_path, "trainer.max_batches=2")


def test_auto_does_not_overwrite_a_bundle_without_checkpoints(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=2")
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(UserError, match="holds no checkpoint to go on from"):
        train(two_domains, tmp_path, "resume=auto")


@pytest.mark.parametrize("text", ["a: [b", "", "- 5", "\x00"])
def test_a_damaged_config_is_one_clear_error(text, two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    (folder / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml.*remove it and give all settings"):
        typed(f"resume='{folder}'")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("optim.generator.lr", "fast", r"optim.generator.lr is 'fast': give a number above 0 \(.*config\.yaml\)"),
        ("optim.discriminator", [], "optim.discriminator is "),
        ("callbacks.nonfinite.most", -1, "most is -1: give a whole number from 0"),
        ("trainer.precision", "64-true", "give 32-true"),
    ],
)
def test_a_stored_value_that_cannot_be_is_refused_with_its_file(key, value, said, two_domains, tmp_path):
    config = composed(*settings(two_domains, tmp_path))
    OmegaConf.update(config, key, value, merge=False)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(OmegaConf.to_yaml(config), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        typed(f"resume={tmp_path / 'run'}")


def sets(*keys, to):
    """Set an entry of a checkpoint's content; a function is given the value before."""

    def change(content):
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to(inner[keys[-1]]) if callable(to) else to

    return change


FIRST = ("optimizer_states", 0, "state", 0)
BEST = ("callbacks", "KeptCheckpoints", "best")
SELF_CONTAINING = []
SELF_CONTAINING.append(SELF_CONTAINING)
UNFOLDING = []
for _ in range(30):
    UNFOLDING = [UNFOLDING, UNFOLDING]
DAMAGE = [
    (sets("random", to=None), "no random in it"),
    (sets("random", to=[]), "random: is empty"),
    (sets("random", 0, to={}), "random: 'torch'"),
    (sets("random", 0, "torch", to=torch.zeros(7, dtype=torch.uint8)), "random: "),
    (sets("random", 0, "python", 1, to=torch.zeros(3)), "random: "),
    (sets("random", 0, "numpy", 2, to=10**6), "random: no state of numpy's"),
    (sets("random", 0, "cuda", to=[torch.zeros(3)]), "random: no state of a GPU's"),
    (sets("batch_count", to="5"), "no batch_count in it"),
    (sets("batch_count", to=True), "no batch_count in it"),
    (sets("batch_count", to=-3), "batch_count: -3"),
    (sets("batch_count", to=10**30), "nested values: a whole number of over 64 bits"),
    (sets("global_step", to=7), "batch_count: 10 at step 7"),
    (sets("bad_batches", to=-1), "bad_batches: -1"),
    (sets("rate_factor", to=float("nan")), "rate_factor: nan"),
    (sets("lr_schedulers", to=[{"last_epoch": float("nan")}]), "lr_schedulers"),
    (sets("pytorch-lightning_version", to="newest"), "pytorch-lightning_version: "),
    (sets("loops", to={"fit_loop": {}}), "loops in it"),
    (sets("state_dict", to=[]), "no state_dict in it"),
    (sets("state_dict", "generator.bias", to=lambda value: value / 0), "generator.bias is NaN or infinite"),
    (sets("state_dict", "generator.bias", to="x"), "holds other than weights"),
    (sets("state_dict", "generator.bias", to=torch.zeros(1).expand(1 << 40)), "tensors: claims more values"),
    (
        sets("state_dict", "generator.bias", to=torch.zeros(4)),
        r"1 weights do not fit this config, first generator.bias",
    ),
    (lambda content: content["state_dict"].pop("generator.bias"), "1 weights do not fit this config"),
    (sets("state_dict", "average.network.bias", to=torch.zeros(4)), r"average.network.bias is \(4,\)"),
    (sets("optimizer_states", to=lambda states: states[:1]), "there are 1, and 2 optimizers"),
    (sets("optimizer_states", to=lambda states: states[::-1]), "optimizer_states: is of other weights"),
    (sets(*FIRST, "exp_avg", to=torch.zeros(3)), r"exp_avg is \(3,\)"),
    (sets(*FIRST, "exp_avg", to=lambda value: value * float("nan")), "weight 0 has NaN"),
    (sets(*FIRST, "step", to=torch.tensor(-1.0)), "step is no count"),
    (sets(*FIRST, "step", to="x"), "step is no tensor"),
    (sets(*FIRST, to={"step": torch.tensor(1.0)}), "has no exp_avg, exp_avg_sq"),
    (sets("optimizer_states", 0, "state", to={10**6: {}}), "is of other weights"),
    (sets("optimizer_states", 0, "param_groups", 0, "params", to=[[0]]), "is of other weights"),
    (sets("callbacks", to=[]), "no callbacks in it"),
    (sets("callbacks", "KeptCheckpoints", to=5), "callbacks: holds other than states"),
    (sets("callbacks", "KeptCheckpoints", to={}), "callbacks: KeptCheckpoints: 'best'"),
    (sets(*BEST, to=[["10", 1.0]]), "callbacks: KeptCheckpoints: the best are no batches"),
    (sets(*BEST, to=[[10]]), "callbacks: KeptCheckpoints: "),
    (sets("callbacks", "NonFinite", "times", to="x"), "callbacks: NonFinite: 'x' is no int"),
    (sets("callbacks", "NonFinite", "in_a_row", to={"generator": 0}), "callbacks: NonFinite: has other entries"),
    (sets("about", "audio", to=5), "about: does not say"),
    (sets("about", to=SELF_CONTAINING), "no about in it"),
    (sets("about", "more", to=SELF_CONTAINING), "nested too deeply"),
    (sets("about", "more", to=UNFOLDING), "nested values: more than"),
    (sets("about", "more", to=torch.zeros(2)), "about: holds a Tensor"),
    (sets("latest", to={"generator/total": "x"}), "latest: holds other than numbers"),
    (sets("loggers", to={"WandbLog": "x"}), "loggers: holds other than states"),
]


def test_damaged_content_is_told_and_the_checkpoint_before_is_used(two_domains, tmp_path, caplog):
    folder = train(two_domains, tmp_path, "trainer.max_batches=20", "callbacks.validation=null")
    last, previous = folder / "checkpoints" / "last.ckpt", folder / "checkpoints" / "previous.ckpt"
    data = previous.read_bytes()
    cfg = composed(*settings(two_domains, tmp_path, "callbacks.validation=null"))
    module, _ = run.build(cfg)
    callbacks = run.build_trainer(cfg, 0, run.Stop()).callbacks
    for number, (damage, said) in enumerate(DAMAGE):
        content = torch.load(io.BytesIO(data), weights_only=True)
        damage(content)
        torch.save(content, last)
        caplog.clear()
        point = run.fitting_point(run.resume_point("auto", folder), module, callbacks)
        assert (point.path, point.batch_count) == (previous, 10), number
        assert re.search(said, caplog.text), (number, said, caplog.text)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "\n" not in caplog.records[0].getMessage()
        with pytest.raises(UserError, match=said):
            run.fitting_point(run.resume_point(str(last.replace(tmp_path / "x.ckpt")), tmp_path), module, callbacks)


def repacked(data, change=lambda name, content: content, **settings):
    """The zip archive of a checkpoint written anew by Python."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", **settings) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def flipped(data):
    """One bit of a weight, which torch itself does not notice."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    place = largest.header_offset + 200 + largest.file_size // 2
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flipped, "damaged or cut off"),
        (lambda data: data[:-1], "damaged or cut off"),
        (lambda data: data[:9000] + bytes(500) + data[9500:], "damaged or cut off"),
        (lambda data: repacked(data, compression=zipfile.ZIP_DEFLATED), "damaged or cut off"),
        (
            lambda data: repacked(data, lambda name, content: content[:4] if "/data/" in name else content),
            r"damaged or cut off|claims? (more|other)",
        ),
        (lambda data: pickle.dumps({"state_dict": 1}), "damaged or cut off"),
        (lambda data: (100).to_bytes(8, "little") + b'{"a": 1}', "is a bundle"),
    ],
)
def test_damaged_files_are_refused(damage, said, two_domains, tmp_path_factory, tmp_path):
    kept = tmp_path_factory.getbasetemp() / "whole.ckpt"
    if not kept.exists():
        folder = train(two_domains, tmp_path, "trainer.max_batches=2", "callbacks.validation=null")
        shutil.copy(folder / "checkpoints" / "last.ckpt", kept)
    assert checkpoint_io.read(kept)["batch_count"] == 2
    (tmp_path / "x.ckpt").write_bytes(damage(kept.read_bytes()))
    with pytest.raises(UserError, match=said):
        checkpoint_io.read(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    "name", ["samples", "checkpoints/best_0000002.ckpt", "tensorboard/hparams.yaml", "wandb", "wandb/latest-run"]
)
def test_links_out_of_a_run_directory_are_refused(name, tmp_path):
    run_dir = tmp_path / "run"
    (run_dir / name).parent.mkdir(parents=True)
    (run_dir / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=rf"run/{name}: is a link that leads out of"), claimed(run_dir, True):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_temporary_files_of_a_killed_training_are_removed_when_the_next_one_begins(tmp_path):
    folders = [tmp_path, tmp_path / "checkpoints", tmp_path / "samples", tmp_path / "samples" / "batch_0000340"]
    left = [folder / f".01.png.{host()}-{'0' * 8}.part" for folder in folders]
    kept = [folder / "01.png" for folder in folders]
    folders[-1].mkdir(parents=True)
    (tmp_path / "checkpoints").mkdir()
    for path in (*left, *kept):
        path.touch()
    with claimed(tmp_path, True):
        assert all(path.exists() for path in kept) and not any(path.exists() for path in left)


def test_links_inside_a_run_directory_and_to_it_are_followed(tmp_path):
    (tmp_path / "run" / "wandb" / "offline-run-1").mkdir(parents=True)
    (tmp_path / "run" / "wandb" / "latest-run").symlink_to("offline-run-1")
    (tmp_path / "run" / "notes").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("run")
    with claimed(tmp_path / "link", True):
        assert (tmp_path / "run" / ".lock").is_file(), "the lock is where the link leads"


def test_what_is_no_file_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "pipe.ckpt")
    for path in (tmp_path / "pipe.ckpt", tmp_path, tmp_path / "none.ckpt", Path("/dev/zero")):
        with pytest.raises(UserError, match="cannot be read as a checkpoint"):
            checkpoint_io.read(path)


@pytest.mark.parametrize("names", [["best.safetensors"], ["best.safetensors", "checkpoints/best_0000020.safetensors"]])
def test_damaged_copies_and_rows_do_not_block_a_resume(names, two_domains, tmp_path, caplog):
    whole = train(two_domains, tmp_path / "whole", "trainer.max_batches=40")
    folder = train(two_domains, tmp_path / "cut", "trainer.max_batches=23")
    for name in names:
        (folder / name).unlink()  # for both are one file
        (folder / name).write_bytes(b"")
    rows = (folder / "metrics.csv").read_bytes().splitlines(keepends=True)
    (folder / "metrics.csv").write_bytes(b"".join([*rows[:2], b"\xff\x00,,,\n", b"x" * 200_000 + b"\n", *rows[2:]]))
    typed(f"resume='{folder}'", "trainer.max_batches=40")
    assert_same_files(whole, folder)
    assert re.search(r"2 of \d+ rows are damaged; they are skipped", caplog.text)
    kept, undamaged = ((path / "metrics.csv").read_text() for path in (folder, whole))
    losses, kept_losses = ({tuple(row.split(",")[:5]) for row in text.splitlines()} for text in (undamaged, kept))
    assert losses <= kept_losses


def test_a_checkpoint_elsewhere_starts_a_new_run(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    (folder / "checkpoints" / "last.ckpt").rename(tmp_path / "some é.ckpt")
    more = ["trainer.max_batches=12", f"resume='{tmp_path / 'some é.ckpt'}'", f"run_dir='{tmp_path / 'new'}'"]
    train(two_domains, tmp_path, *more)
    assert read(tmp_path / "new" / "checkpoints" / "last.ckpt")["batch_count"] == 12


def test_an_older_checkpoint_gives_up_the_later_ones(two_domains, tmp_path, caplog):
    caplog.set_level("INFO")
    whole = train(two_domains, tmp_path / "whole", "checkpoint.keep_best=9")
    folder = train(two_domains, tmp_path / "cut", "checkpoint.keep_best=9")
    older = folder / "checkpoints" / "best_0000020.ckpt"
    typed(f"resume='{older}'", "trainer.max_batches=23")
    assert {path.name for path in (folder / "checkpoints" / "abandoned").iterdir()} == {
        "best.safetensors",
        "best_0000040.ckpt",
        "best_0000040.safetensors",
        "last.ckpt",
        "previous.ckpt",
    }
    assert read(folder / "checkpoints" / "last.ckpt")["batch_count"] == 23
    assert bundle.load(folder / "best.safetensors").provenance["batches"] in (20, 23)  # 23: of the final validation
    train(two_domains, tmp_path / "cut", "resume=auto", "checkpoint.keep_best=9")
    assert_same_files(whole, folder)


def test_another_runs_checkpoint_does_not_overwrite_a_training(two_domains, tmp_path):
    one = train(two_domains, tmp_path / "one", "trainer.max_batches=10")
    other = train(two_domains, tmp_path / "other", "trainer.max_batches=10", "seed=5")
    with pytest.raises(UserError, match="holds a training already"):
        typed(f"resume='{one}'", f"run_dir='{other}'")


def test_a_stale_bundle_of_a_finished_training_is_renewed(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    stale = (folder / "bundle.safetensors").read_bytes()
    train(two_domains, tmp_path, "trainer.max_batches=20", "resume=auto")
    fresh = (folder / "bundle.safetensors").read_bytes()
    (folder / "bundle.safetensors").write_bytes(stale)
    train(two_domains, tmp_path, "trainer.max_batches=20", "resume=auto")
    assert (folder / "bundle.safetensors").read_bytes() == fresh


def test_allowed_changes_are_allowed_once(two_domains, tmp_path):
    folder = train(two_domains, tmp_path, "trainer.max_batches=10")
    given = ["trainer.max_batches=20", f"data.source='{two_domains[1]}'", f"resume='{folder}'"]
    with pytest.raises(UserError, match="trained with other data"):
        typed(*given)
    typed(*given, "allow_changes=[data]")
    with pytest.raises(UserError, match="trained with other data"):
        typed("trainer.max_batches=30", f"data.source='{two_domains[0]}'", f"resume='{folder}'")


@pytest.mark.parametrize("wrong", ["resume=5", "resume=''", "resume=[a]", "allow_changes=null", "allow_changes=data"])
def test_what_does_not_say_how_to_start_is_refused(wrong, two_domains, tmp_path):
    with pytest.raises(UserError, match=wrong.partition("=")[0]):
        train(two_domains, tmp_path, wrong)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_does_not_kill_the_loaders(number, two_domains, tmp_path):
    more = ["trainer.max_batches=4000", "data.workers=2", "callbacks.validation=null"]
    with Running("train", *settings(two_domains, tmp_path, *more), cwd=tmp_path) as running:
        until = time.monotonic() + 120
        while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(running.pid, number)
        done = running.wait(60)
    said = done.stderr
    assert done.returncode == 128 + number, said
    assert "Traceback" not in said
    assert said.count("stopping after this batch") == 1
    batches = read(tmp_path / "run" / "checkpoints" / "last.ckpt")["batch_count"]
    assert f"interrupted after {batches} of 4000 batches" in said


def test_auto_finds_the_newest_run_of_the_experiment(two_domains, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [entry for entry in settings(two_domains, tmp_path) if not entry.startswith("run_dir")]
    for number, batches in enumerate((10, 20)):
        run.train(composed(*given, f"run_dir=runs/train/{number}", f"trainer.max_batches={batches}"))
        os.utime(f"runs/train/{number}/checkpoints/last.ckpt", (number, number))
    os.utime("runs/train/0/checkpoints/last.ckpt")
    assert run.train(composed(*given, "resume=auto", "trainer.max_batches=25")).name == "0"


def test_trainings_of_the_same_second_have_a_directory_each(two_domains, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [entry for entry in settings(two_domains, tmp_path) if not entry.startswith("run_dir")]
    cfg = composed(*given, "trainer.max_batches=1", "callbacks.validation=null")
    cfg.run_dir = "runs/${now:%Y}"
    first, second = run.train(cfg), run.train(cfg)
    assert second.name == f"{first.name}_2"
    assert (first / "bundle.safetensors").is_file() and (second / "bundle.safetensors").is_file()
    cfg.chunk.width = 22
    with pytest.raises(UserError):
        run.train(cfg)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [first.name, second.name]


def test_two_processes_do_not_train_in_one_directory(two_domains, tmp_path):
    (tmp_path / "run").mkdir()
    holding = "import sys, pathlib; from melgan_vc.training.run_directory import locked\n"
    holding += "with locked(pathlib.Path('run/.lock')): print('locked', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(UserError, match="another process trains in it"):
            train(two_domains, tmp_path)
        other.kill()
    train(two_domains, tmp_path, "trainer.max_batches=1")


def test_sigterm_in_a_batch_leaves_an_exact_checkpoint(two_domains, tmp_path):
    folder = tmp_path / "cut"
    with Running("train", *settings(two_domains, folder, "trainer.max_batches=4000"), cwd=tmp_path) as running:
        until = time.monotonic() + 120
        while not (folder / "run" / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
            time.sleep(0.01)
        started = time.monotonic()
        os.kill(running.pid, signal.SIGTERM)
        done = running.wait(60)
        assert time.monotonic() - started < 20
    said = done.stderr
    assert done.returncode == 143, said
    batches = read(folder / "run" / "checkpoints" / "last.ckpt")["batch_count"]
    assert f"interrupted after {batches} of 4000 batches" in said
    again = f"trainer.max_batches={batches + 3}"
    train(two_domains, folder, again, "resume=auto")
    whole = train(two_domains, tmp_path / "whole", again)
    for name in ("bundle.safetensors", "checkpoints/last.ckpt"):
        assert (whole / name).read_bytes() == (folder / "run" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("data.extra", {"_target_": "os.makedirs", "name": "PLACE"}),
        ("callbacks.extra", {"_target_": "setuptools._distutils.spawn.spawn", "cmd": ["mkdir", "PLACE"]}),
        ("networks.generator.norm", {"deep": [{"_target_": "melgan_vc.files.os.makedirs", "name": "PLACE"}]}),
        ("nothing.knows.this", {"_target_": "shutil.copytree", "src": ".", "dst": "PLACE"}),
        ("card.consent", "${oc.env:HOME}"),
    ],
)
def test_a_copied_run_calls_nothing_that_its_config_names(key, entry, two_domains, tmp_path):
    folder, place = tmp_path / "run", tmp_path / "made"
    config = OmegaConf.create(
        OmegaConf.to_yaml(composed(*settings(two_domains, tmp_path))).replace("${now:", "\\${now:")
    )
    OmegaConf.update(config, key, entry, force_add=True)
    folder.mkdir()
    (folder / "checkpoints").mkdir()
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config).replace("PLACE", str(place)), encoding="utf-8")
    (folder / "checkpoints" / "last.ckpt").touch()
    same = settings(two_domains, tmp_path)
    for overrides in ([f"resume={folder}"], [f"resume={folder}/checkpoints/last.ckpt"], [*same, "resume=auto"]):
        with pytest.raises(UserError):
            typed(*overrides)
    with pytest.raises(UserError, match=r"_target_ is|resolver"):
        run_config(folder / "bundle.safetensors")
    assert not place.exists()
