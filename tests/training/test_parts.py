"""Whose time a moment of a training is."""

import lightning as L
import pytest
import torch

from melgan_vc.training import parts
from tests.training.test_arithmetic import batches
from tests.training.test_module import tiny_module, trained


def test_each_moment_counts_for_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(parts.time, "perf_counter", lambda: next(clock))
    found = parts.Parts()
    found.enter("before")
    found.leave()  # nothing counts before the beginning
    found.begin()
    found.start("[_TrainingEpochLoop].train_dataloader_next")
    found.start("something of Lightning's")  # inside the data
    found.stop("something of Lightning's")
    found.stop("[_TrainingEpochLoop].train_dataloader_next")
    found.start("[LightningModule]MelganVC.training_step")
    found.inside("generator forward", lambda: None)()
    found.turn("a gradient that a loss asks for")
    found.backward(lambda: found.turn("generator backward"))()
    found.stop("[LightningModule]MelganVC.training_step")
    found.stop("what was never begun")
    assert found.end() == {"framework": 3, "data": 3, "losses": 5, "generator forward": 1, "generator backward": 1}


@pytest.mark.parametrize(
    ("action", "part"),
    [
        ("[Callback]NonFinite.on_train_batch_start", "callback NonFinite"),
        ("[Callback]KeptCheckpoints{'monitor': 'a.b'}.on_train_batch_end", "callback KeptCheckpoints"),
        ("[LightningDataModule]ChunkDataModule.on_after_batch_transfer", "data"),
        ("[Strategy]SingleDeviceStrategy.batch_to_device", "data"),
        ("[LightningModule]MelganVC.training_step", "losses"),
        ("run_training_batch", None),
    ],
)
def test_lightnings_names_belong_to_parts(action: str, part: str | None) -> None:
    assert parts.part_of(action) == part


def test_watched_networks_learn_the_same_and_each_of_them_is_seen() -> None:
    plain, watched = tiny_module(ema_decay=0.9), tiny_module(ema_decay=0.9)
    trained(plain, batches(6))
    found = parts.Parts()

    class Begin(L.Callback):
        def on_train_start(self, trainer, module):  # type: ignore[no-untyped-def]
            found.watch(module, trainer.optimizers)
            found.begin()

    trained(watched, batches(6), Begin(), profiler=found)
    spent = found.end()
    for name in parts.NETWORKS:
        assert spent[f"{name} forward"] > 0 and spent[f"{name} backward"] > 0
    assert {"optimizers", "moving average", "losses", "data", "framework"} <= spent.keys()
    for name, value in watched.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]), name
