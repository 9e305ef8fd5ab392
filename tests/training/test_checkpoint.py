import errno
import os

import pytest
import torch

from melgan_vc import bundle
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.training import run
from melgan_vc.training.callbacks import checkpoint
from melgan_vc.training.callbacks.checkpoint import KeptCheckpoints
from melgan_vc.training.checkpoint_io import DurableCheckpointIO, canonical, read
from tests.test_configs import composed
from tests.training.test_resume import settings, train


def test_the_last_two_and_the_best_are_kept(two_domains, tmp_path, monkeypatch):
    measured = iter([5.0, 3.0, 4.0, 2.0, 6.0])
    monkeypatch.setattr("melgan_vc.measures.mels.distance", lambda *_: next(measured))
    more = ["trainer.max_batches=25", "callbacks.validation.every_batches=5", "checkpoint.keep_best=2"]
    folder = train(two_domains, tmp_path, *more, "callbacks.collapse=null")
    found = {path.name: read(path)["batch_count"] for path in (folder / "checkpoints").glob("*.ckpt")}
    assert found == {"last.ckpt": 25, "previous.ckpt": 20, "best_0000010.ckpt": 10, "best_0000020.ckpt": 20}
    best = bundle.load(folder / "best.safetensors").provenance
    assert (best["batches"], best["held_out"]["mel_distance"]) == (20, 2.0)
    assert bundle.load(folder).provenance["batches"] == 25


def test_a_checkpoint_is_also_written_by_the_clock(two_domains, tmp_path, monkeypatch):
    saved = []
    save = KeptCheckpoints.save
    monkeypatch.setattr(KeptCheckpoints, "save", lambda self, t, m: (saved.append(m.batch_count), save(self, t, m)))
    clock = iter(range(0, 10**6, 20))  # 20 s pass at each look
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: next(clock))
    train(
        two_domains, tmp_path, "checkpoint.every_batches=1000", "checkpoint.every_minutes=2", "trainer.max_batches=20"
    )
    assert len(saved) >= 3
    assert saved[-1] == 20


def test_equal_states_are_equal_bytes(tmp_path):
    one = {"ab": [("ab", 1.0), "ab"], "t": torch.ones(2)}
    other = {"".join(["a", "b"]): [("".join(["a", "b"]), 1.0), "ab"], "t": torch.ones(2)}
    io = DurableCheckpointIO()
    for name, content in (("one", one), ("other", other)):
        io.save_checkpoint(content, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert canonical(one)["ab"][0] == ("ab", 1.0)


def test_a_write_that_fails_leaves_the_file_before(tmp_path, monkeypatch):
    io = DurableCheckpointIO()
    io.save_checkpoint({"n": 1}, tmp_path / "a.ckpt")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        io.save_checkpoint({"n": 2}, tmp_path / "a.ckpt")
    assert torch.load(tmp_path / "a.ckpt", weights_only=True) == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append("sync"))
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("rename"), rename(*names)))
    with replacing(tmp_path / "x", durable=True) as temporary:
        temporary.write_text("x")
    assert order == ["sync", "rename", "sync"]


def test_a_full_disk_is_one_line_and_the_checkpoint_before_is_whole(two_domains, tmp_path, monkeypatch):
    save = torch.save

    def full_at_thirty(content, file):
        if content["batch_count"] == 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(content, file)

    monkeypatch.setattr(torch, "save", full_at_thirty)
    with pytest.raises(UserError, match=r"the disk is full; .*last\.ckpt is whole; free some space, then .*resume="):
        train(two_domains, tmp_path)
    assert read(tmp_path / "run" / "checkpoints" / "last.ckpt")["batch_count"] == 20
    monkeypatch.undo()
    assert run.train(composed(*settings(two_domains, tmp_path, "resume=auto"))).is_dir()


def test_no_room_for_a_checkpoint_is_told_before_training(two_domains, tmp_path, monkeypatch, caplog):
    usage = checkpoint.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: usage._replace(free=10_000))
    with pytest.raises(UserError, match=r"checkpoints take .* MB each, .* MB in all, and 0\.0 MB are free"):
        train(two_domains, tmp_path / "a")
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: usage._replace(free=300_000))
    folder = train(two_domains, tmp_path / "b", "trainer.max_batches=1")
    assert "but only 0.3 MB are free" in caplog.text
    size = (folder / "checkpoints" / "last.ckpt").stat().st_size
    module, _ = run.build(composed(*settings(two_domains, tmp_path)))
    assert checkpoint.checkpoint_bytes(module) == pytest.approx(size, rel=0.5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("checkpoint.every_batches=0", "checkpoint.every_batches is 0"),
        ("checkpoint.every_minutes=-1", "checkpoint.every_minutes is -1"),
        ("checkpoint.keep_best=x", "checkpoint.keep_best is 'x'"),
        ("checkpoint.mode=up", "checkpoint.mode is 'up'"),
        ("checkpoint.monitor=mos", "checkpoint.monitor is 'mos': give one of mel_distance, travel"),
    ],
)
def test_impossible_settings_are_refused(wrong, said, two_domains, tmp_path):
    with pytest.raises(UserError, match=said):
        train(two_domains, tmp_path, wrong)
