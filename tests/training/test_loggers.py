"""What reaches the loggers, read back from what they wrote."""

import struct

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from melgan_vc.training import run
from melgan_vc.training.wandb_key import has_key
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
            "callbacks.samples.every_batches=4",
        )
    )


def test_tensorboard_holds_losses_audio_and_pictures(two_domains, tmp_path):
    events = EventAccumulator(str(train("tensorboard", two_domains, tmp_path) / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) >= LOSSES
    assert [point.step for point in events.Scalars("generator/travel")] == [2, 4]
    assert events.Tags()["audio"] == ["held_out/01/source", "held_out/01/converted"]
    assert events.Tags()["images"] == ["held_out/01/mel"]


def wandb_records(path):
    """The records of an offline run: a 7-byte header, then 32 KiB blocks of parts with a <IHB head."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, payload = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        payload += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            record = Record()
            record.ParseFromString(payload)
            yield record
            payload = b""


def test_wandb_without_a_key_writes_offline_what_was_logged(two_domains, tmp_path, no_key):
    assert not has_key()
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


@pytest.mark.parametrize("host", ["api.forge.coreweave.com", "api.wandb.ai"])
def test_a_key_that_wandb_login_left_is_found(host, monkeypatch, tmp_path, no_key):
    (tmp_path / ".netrc").write_text(f"machine {host}\n  login user\n  password x\n")
    assert not has_key()  # NETRC names another file
    monkeypatch.delenv("NETRC")
    assert has_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org/")
    assert not has_key()
