"""What reaches the loggers, read back from what they wrote."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from melgan_vc.training import run
from melgan_vc.training.loggers.wandb import has_key
from tests.conftest import TINY
from tests.test_configs import composed

LOSSES = {"generator/hinge", "generator/travel", "generator/margin", "generator/identity", "discriminator/hinge_fake"}


def train(logger, two_domains, tmp_path):
    return run.train(
        composed(
            *TINY,
            f"logger={logger}",
            f"data.source='{two_domains[0]}'",
            f"data.target='{two_domains[1]}'",
            f"data.store='{tmp_path / 'prepared'}'",
            f"run_dir='{tmp_path / 'run'}'",
            "trainer.max_batches=4",
            "optim.log_every=2",
            "callbacks.validation.every_batches=4",
        )
    )


def test_tensorboard_holds_losses_audio_and_pictures(two_domains, tmp_path):
    events = EventAccumulator(str(train("tensorboard", two_domains, tmp_path) / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) >= LOSSES
    assert [point.step for point in events.Scalars("generator/travel")] == [2, 4]
    assert events.Tags()["audio"] == ["held_out/01/source", "held_out/01/converted"]
    assert events.Tags()["images"] == ["held_out/01/mel"]


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert not has_key()


def test_wandb_without_a_key_writes_offline_what_was_logged(two_domains, tmp_path, no_key):
    folder = train("wandb", two_domains, tmp_path)
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    keys, steps = set(), []
    for record in wandb_records(path):
        row = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
        keys |= set(row)
        if "generator/travel" in row:
            steps.append(int(row["trainer/global_step"]))
    assert keys >= LOSSES | {f"held_out/01/{name}/path" for name in ("source", "converted", "mel")}
    assert steps == [2, 4]


def test_a_key_in_netrc_is_found(monkeypatch, tmp_path, no_key):
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password x\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_key()
