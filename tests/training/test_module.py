from functools import partial

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from melgan_vc.data.dataset import Batch
from melgan_vc.losses.adversarial import Hinge, HingeFake, HingeReal
from melgan_vc.losses.identity import Identity
from melgan_vc.losses.margin import Margin
from melgan_vc.losses.travel import Travel
from melgan_vc.losses.weighted import Weighted, grouped
from melgan_vc.networks.discriminator import Discriminator
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.networks.notebook import load_notebook
from melgan_vc.networks.siamese import Siamese
from melgan_vc.spec import ChunkSpec
from melgan_vc.training.module import MelganVC
from melgan_vc.training.settings import Networks, OptimSettings
from tests.conftest import GOLDEN

CHUNK = ChunkSpec(8, 3)
ADAM = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999), eps=1e-7)
LOSSES = {
    "hinge": Weighted(Hinge(), 1.0),
    "travel": Weighted(Travel(), 10.0),
    "margin": Weighted(Margin(), 10.0),
    "identity": Weighted(Identity(), 0.5),
    "hinge_real": Weighted(HingeReal(), 0.5),
    "hinge_fake": Weighted(HingeFake(), 0.5),
}


class Record(L.Callback):
    """Keeps each batch's losses and what the networks' weights were after it."""

    def __init__(self):
        self.losses, self.generators, self.discriminators, self.averages = [], [], [], []

    def on_train_batch_end(self, trainer, module, *_):
        self.losses.append({name: float(value) for name, value in module.latest.items()})
        module.latest.clear()
        self.generators.append(module.generator.bias.detach().clone())
        self.discriminators.append(module.discriminator.head.weight.detach().clone())
        if module.average is not None:
            self.averages.append(module.average.network.bias.detach().clone())


def tiny_module(losses=None, seed=0, **optim):
    torch.manual_seed(seed)
    networks = Networks(UNetGenerator(6, 4), Siamese(6, 8, 4, 5), Discriminator(6, 24, 4))
    return MelganVC(networks, grouped(losses or LOSSES), OptimSettings(ADAM, ADAM, **optim), CHUNK)


def trained(module, batches, *callbacks, checkpoint=None, **settings):
    """The trainer that has trained a module on these batches."""
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **settings,
    )
    trainer.fit(module, DataLoader(batches, batch_size=None), ckpt_path=checkpoint)
    return trainer


def fit(module, batches):
    record = Record()
    trained(module, batches, record)
    return record


def tiny_batches(count):
    generator = torch.Generator().manual_seed(1)
    draw = lambda: torch.rand(4, 6, 24, generator=generator) * 2 - 1  # noqa: E731
    return [Batch(draw(), draw()) for _ in range(count)]


def test_twelve_batches_equal_the_notebooks(golden):
    found = load_notebook(GOLDEN / "notebook_small_h5")
    networks = Networks(found.generator.train(), found.siamese.train(), found.discriminator.train())
    optim = OptimSettings(ADAM, ADAM, generator_every=3, ema_decay=None, batch_norm="per_chunk")
    module = MelganVC(networks, grouped(LOSSES), optim, ChunkSpec(found.width, found.splits))
    sides = (golden["train/batches_a"], golden["train/batches_b"])
    batches = [Batch(torch.from_numpy(a), torch.from_numpy(b)) for a, b in zip(*sides, strict=True)]
    record = fit(module, batches)

    names = ("discriminator/hinge_real", "discriminator/hinge_fake", "generator/hinge", "generator/identity")
    losses = np.array([[values.get(name, np.nan) for name in names] for values in record.losses])
    expected = golden["train/losses_real_fake_gen_identity"]
    assert np.array_equal(np.isnan(losses), np.isnan(expected))
    assert np.nanmax(np.abs(losses - expected)) < 1e-3
    for name, given in (("generator", "chunk"), ("siamese", "chunk"), ("discriminator", "wide")):
        network = getattr(networks, name).eval()
        with torch.inference_mode():
            out = network(torch.from_numpy(golden[f"forward/{given}"])).numpy()
        assert np.abs(out - golden[f"train/{name}_after"]).max() < 1e-3, name


def test_generator_is_updated_every_third_batch_and_discriminator_at_every():
    record = fit(tiny_module(), tiny_batches(7))
    moved = [not torch.equal(a, b) for a, b in zip(record.generators, record.generators[1:], strict=False)]
    assert moved == [False, False, True, False, False, True]
    assert all(not torch.equal(a, b) for a, b in zip(record.discriminators, record.discriminators[1:], strict=False))
    assert ["generator/travel" in values for values in record.losses] == [True, False, False] * 2 + [True]


def test_generator_losses_train_the_siamese_network_but_not_the_discriminator(monkeypatch):
    module = tiny_module()
    gradients = {}
    update = module.update

    def recorded(group, outputs):
        update(group, outputs)
        for name in ("siamese", "generator", "discriminator"):
            parameters = getattr(module, name).parameters()
            gradients[group, name] = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in parameters]

    monkeypatch.setattr(module, "update", recorded)
    fit(module, tiny_batches(1))
    assert any(gradients["generator", "siamese"])
    assert any(gradients["generator", "generator"])
    assert not any(gradients["generator", "discriminator"])
    assert any(gradients["discriminator", "discriminator"])


def test_joint_and_per_chunk_calls_differ_in_batch_norm_alone():
    module = tiny_module()
    chunks = torch.rand(4, 3, 6, 8)
    module.generator.eval()
    joint, _ = module.translate(chunks, None)
    module.optim = OptimSettings(ADAM, ADAM, batch_norm="per_chunk")
    separate, target_out = module.translate(chunks, chunks)
    assert torch.allclose(joint, separate, atol=1e-6)
    assert torch.allclose(target_out, separate, atol=1e-6)


def test_same_seed_trains_the_same():
    one, other = (fit(tiny_module(), tiny_batches(6)) for _ in range(2))
    assert one.losses == other.losses


def test_average_follows_the_generator():
    module = tiny_module(ema_decay=0.9, generator_every=1)
    start = module.generator.bias.detach().clone()
    record = fit(module, tiny_batches(3))
    expected = start
    for bias in record.generators:
        expected = 0.9 * expected + 0.1 * bias
    assert torch.allclose(record.averages[-1], expected, atol=1e-9)
    assert module.best_generator is module.average.network
    assert tiny_module(ema_decay=None).best_generator is not None


def test_the_two_optimizers_share_no_parameter_and_leave_the_average_alone():
    module = tiny_module()
    of_generator, of_discriminator = (
        {id(p) for group in optimizer.param_groups for p in group["params"]}
        for optimizer in module.configure_optimizers()
    )
    networks = (module.generator, module.siamese)
    assert of_generator == {id(p) for network in networks for p in network.parameters()}
    assert of_discriminator == {id(p) for p in module.discriminator.parameters()}


@pytest.mark.parametrize("wrong", [{"batch_norm": "other"}, {"generator_every": 0}, {"log_every": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OptimSettings(ADAM, ADAM, **wrong)
