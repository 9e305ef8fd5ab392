"""Compiled networks learn the same; where they cannot be compiled, training goes on without."""

import shutil
from pathlib import Path

import pytest
import torch

from melgan_vc.bundle import load
from melgan_vc.errors import UserError
from melgan_vc.training import run
from melgan_vc.training.callbacks import compiled
from melgan_vc.training.held_out_protocol import inference
from tests.conftest import tiny_training
from tests.test_configs import composed

Domains = tuple[Path, Path]


def train(two_domains: Domains, folder: Path, *more: str) -> Path:
    few = ["trainer.max_batches=20", "optim.log_every=1", "callbacks.validation=null", "logger=csv"]
    return run.train(composed(*tiny_training(two_domains, folder), *few, *more))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load(folder).generator.state_dict())


def losses(folder: Path) -> list[list[float]]:
    head, *lines = (folder / "metrics.csv").read_text().splitlines()
    kept = [place for place, name in enumerate(head.split(",")) if name.endswith("/total")]
    return [[float(line.split(",")[place] or 0) for place in kept] for line in lines]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_compiled_networks_have_the_same_losses(two_domains: Domains, tmp_path: Path) -> None:
    # All is one form of each network, for compiling takes long: no batch without the generator, no shorter ones.
    same = ["optim.generator_every=1", "losses.identity=null"]
    plain, fast = (
        train(two_domains, tmp_path / name, *same, f"trainer.compile={name}") for name in ("null", "default")
    )
    assert len(losses(plain)) == 20
    assert torch.allclose(torch.tensor(losses(fast)), torch.tensor(losses(plain)), atol=1e-3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 3  # or nothing was compiled


def test_a_machine_without_a_compiler_trains_without(
    two_domains: Domains, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to find C++ compiler.\nMore words")

    plain = train(two_domains, tmp_path / "plain")
    monkeypatch.setattr(torch._inductor.compile_fx, "compile_fx", refuse)
    torch._dynamo.reset()
    found = train(two_domains, tmp_path / "found", "trainer.compile=default")
    assert "trainer.compile=default: the networks stay as they are" in caplog.text
    assert "C++ compiler" in caplog.text and "More words" not in caplog.text
    assert all(torch.equal(one, weights(plain)[name]) for name, one in weights(found).items())


def test_a_loss_that_wants_a_gradient_of_a_gradient_leaves_the_discriminator_as_it_is(
    two_domains: Domains, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled_networks = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled_networks.append(type(self).__name__))
    train(two_domains, tmp_path, "trainer.compile=default", "stability=[r1]", "trainer.max_batches=2")
    assert "the discriminator stays as it is" in caplog.text
    assert set(compiled_networks) == {"UNetGenerator", "Siamese"}


def test_validation_runs_networks_as_they_are() -> None:
    network = torch.nn.Linear(1, 1)
    network._compiled_call_impl = lambda items: items + 7
    with inference(network):
        assert not network.training and network(torch.zeros(1)).item() != 7
    assert network.training and network(torch.zeros(1)).item() == 7


def test_cuda_graphs_need_a_gpu(two_domains: Domains, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(two_domains, tmp_path, "trainer.compile=cuda_graphs", "trainer.max_batches=2")
    assert "trainer.compile=cuda_graphs: the networks stay as they are, for there is no GPU" in caplog.text


def test_another_mode_is_refused() -> None:
    with pytest.raises(UserError, match=r"^trainer.compile is 'fast': give default, cuda_graphs, max_autotune"):
        compiled.Compiled("fast")
