"""Several processes train what one does, say so, and end together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from melgan_vc.data.dataset import EndlessBatches
from melgan_vc.errors import UserError
from melgan_vc.training import run
from melgan_vc.training.run_config import CommandLine
from tests.conftest import ROOT, tiny_training
from tests.test_configs import composed

TWO = ["strategy=ddp", "trainer.devices=2"]
SAME = ["optim=sgd", "networks.norm=none", "trainer.max_batches=30", "chunk.width=12", "optim.log_every=5"]
SAME += ["content=[contrast]"]  # a loss with weights, which calls the generator's encoder


def settings(two_domains, folder, *more):
    few = ["callbacks.validation.every_batches=10", "callbacks.validation.voice=false", "logger=csv"]
    few += ["checkpoint.every_batches=10", "data.batch_size=4", "data.validation_share=0.3"]
    return [*tiny_training(two_domains, folder), *few, *more]


def train(two_domains, folder, *more):
    return run.train(composed(*settings(two_domains, folder, *more)))


def last(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def records(folder):
    return json.loads((folder / "processes.json").read_text())


def distance(one, other):
    """The largest between two weights of runs."""
    weights = [last(folder)["state_dict"] for folder in (one, other)]
    return max(float((value - weights[1][name]).abs().max()) for name, value in weights[0].items())


@pytest.fixture(scope="module")
def alone(two_domains, tmp_path_factory):
    return train(two_domains, tmp_path_factory.mktemp("one"), *SAME)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_two_processes_compute_what_one_does(strategy, alone, two_domains, tmp_path):
    one, two = alone, train(two_domains, tmp_path, *SAME, f"strategy={strategy}", "trainer.devices=2")
    assert distance(one, two) < 1e-5
    first, second = records(two)
    assert first["weights_sha256"] == second["weights_sha256"]
    assert first["pid"] != second["pid"]
    for record in (first, second):
        assert (record["chunk"]["width"], record["batches"], record["loss_weights"]["travel"]) == (12, 30, 10.0)
    assert not (one / "processes.json").exists()
    tables = [(folder / "metrics.csv").read_text().count("\n") for folder in (one, two)]
    assert tables[0] == tables[1]
    if strategy == "fsdp2":
        check_resumed(one, two, two_domains, tmp_path / "again")


def check_resumed(one, two, two_domains, folder):
    """A training in shards goes on bit for bit, in one process nearly so, and one of one process in shards."""
    folder.mkdir()
    for name, start, strategy in (("same", two, "fsdp2"), ("alone", two, "single"), ("shards", one, "fsdp2")):
        shutil.copy(start / "checkpoints" / "previous.ckpt", folder / f"{name}.ckpt")
        more = [f"strategy={strategy}", f"trainer.devices={1 if strategy == 'single' else 2}"]
        found = train(two_domains, folder / name, *SAME, *more, f"resume='{folder / name}.ckpt'")
        assert last(found)["batch_count"] == 30
        assert distance(one, found) < 1e-5, name
        if name == "same":
            files = [run / "checkpoints" / "last.ckpt" for run in (two, found)]
            assert files[0].read_bytes() == files[1].read_bytes()


def workers(parent):
    """The training processes that a command has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent and "melgan_vc.worker" in command:
            found.append(int(folder.name))
    return sorted(found)


CUT = ["trainer.max_batches=60", "stability=[augment,lecam]", *TWO]


@pytest.fixture(scope="module")
def uninterrupted(two_domains, tmp_path_factory):
    return train(two_domains, tmp_path_factory.mktemp("whole"), *CUT)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, 1), (signal.SIGTERM, 143)])
def test_the_end_of_one_process_ends_all_and_the_training_resumes_exactly(
    number, code, uninterrupted, two_domains, tmp_path
):
    given = settings(two_domains, tmp_path / "cut", *CUT, "trainer.max_batches=4000")
    with subprocess.Popen(
        [sys.executable, "-m", "melgan_vc.train", *given],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        folder = tmp_path / "cut" / "run"
        until = time.monotonic() + 120
        while not (folder / "checkpoints" / "previous.ckpt").exists() and time.monotonic() < until:
            time.sleep(0.01)
        started = workers(running.pid)
        assert len(started) == 2
        os.kill(started[1], number)
        _, said = running.communicate(timeout=60)
    assert running.returncode == code, said
    assert said.count("error: ") == (code == 1), said
    assert "Traceback" not in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert 0 < last(folder)["batch_count"] < 60
    again = [f"resume='{folder}'", "trainer.max_batches=60"]  # the run's own config, but for this
    run.train(composed(*again), CommandLine(again, (), lambda overrides: composed(*overrides)))
    for name in ("bundle.safetensors", "best.safetensors", "checkpoints/last.ckpt"):
        assert (uninterrupted / name).read_bytes() == (folder / name).read_bytes(), name
    assert len({record["weights_sha256"] for record in records(folder)}) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["trainer.devices=2"], "trainer.devices is 2, but strategy=single trains in one process: say strategy=ddp"),
        (["trainer.devices=0"], "trainer.devices is 0: give a whole number"),
        (["trainer.num_nodes=2", "strategy=ddp"], "trainer.num_nodes is 2: start the command on each machine"),
        (["strategy=deepspeed"], "strategy=deepspeed: DeepSpeed takes a single optimizer"),
        (["strategy=fsdp"], "strategy=fsdp: FSDP1"),
        (["strategy=ddp_spawn", "trainer.devices=2"], "strategy=ddp_spawn: "),
        ([*TWO, "data.batch_size=5"], "data.batch_size is 5, for 2 processes: give a multiple of 2, from 4"),
        ([*TWO, "optim.generator.lr=x"], "optim.generator.lr is 'x'"),
    ],
)
def test_what_several_processes_cannot_do_is_refused_before_they_start(given, words, two_domains, tmp_path):
    with pytest.raises(UserError, match=words):
        train(two_domains, tmp_path, *given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_processes_share_each_batch_out(parts):
    shares = [iter(EndlessBatches(8, first=3, part=part, parts=parts)) for part in range(parts)]
    for batch in (3, 4):
        together = [number for share in shares for number in next(share)]
        assert together == list(range(8 * batch, 8 * batch + 8))
