"""What steadies a training, inside the training step: off it is not there, on it does what it says, and it resumes."""

from functools import partial

import lightning as L
import pytest
import torch

from melgan_vc.audio.chunks import join, split
from melgan_vc.errors import UserError
from melgan_vc.losses.lecam import LeCam
from melgan_vc.losses.outputs import DiscriminatorStep, GeneratorStep
from melgan_vc.losses.r1 import R1
from melgan_vc.losses.weighted import Weighted, grouped
from melgan_vc.training import gradients
from melgan_vc.training.augment import Augment
from melgan_vc.training.module import frozen
from melgan_vc.training.schedules import Cosine, Warmup
from melgan_vc.training.settings import OptimSettings
from tests.training.test_module import ADAM, LOSSES, tiny_batches, tiny_module, trained

pytestmark = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint")
CLIP = {"generator": 0.5, "siamese": 0.25, "discriminator": 0.125}


def levers(**weights):
    """LOSSES with R1 and LeCam."""
    given = {"r1": 0.5, "lecam": 0.3} | weights
    return LOSSES | {"r1": Weighted(R1(), given["r1"]), "lecam": Weighted(LeCam(), given["lecam"])}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def plain_training(module, batches):
    """The steps of the paper without Lightning and without a lever."""
    losses = grouped(LOSSES)
    of_generator, of_discriminator = module.configure_optimizers()

    def learn(optimizer, total):
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    for number, batch in enumerate(batches):
        source, target = split(batch.source, 3), split(batch.target, 3)
        if number % 3 == 0:
            out = module.generator(torch.cat([*source.unbind(1), *target.unbind(1)])).chunk(6)
            translated, target_out = torch.stack(out[:3], 1), torch.stack(out[3:], 1)
            pairs = [translated[:, 0], translated[:, -1], source[:, 0], source[:, -1]]
            vectors = torch.stack(module.siamese(torch.cat(pairs)).chunk(4))
            with frozen(module.discriminator):
                logits = module.discriminator(join(translated))
            step = GeneratorStep(source, translated, target, target_out, vectors[2:], vectors[:2], logits)
            learn(of_generator, losses["generator"](step)[0])
            module.average.update(module.generator)
        else:
            with torch.no_grad():
                translated = torch.stack(module.generator(torch.cat(source.unbind(1))).chunk(3), 1)
        real, fake = module.discriminator(torch.cat([batch.target, join(translated.detach())])).chunk(2)
        learn(of_discriminator, losses["discriminator"](DiscriminatorStep(real, fake))[0])


def test_off_is_the_plain_training_bit_for_bit():
    module, plain = tiny_module(), tiny_module()
    trainer = trained(module, tiny_batches(7))
    plain_training(plain, tiny_batches(7))
    assert same(module.state_dict(), plain.state_dict())
    assert {group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups} == {2e-4}
    assert not any("losses" in key or "extra" in key for key in module.state_dict())


def test_levers_without_effect_change_nothing():
    module, plain = tiny_module(), tiny_module()
    trained(plain, tiny_batches(4))
    module = tiny_module(
        levers(r1=0.0, lecam=0.0),
        clip=dict.fromkeys(CLIP, 1e6),
        schedule=Cosine(100, final=1.0),
        augment=Augment(0, 0, 0, 0),
    )
    trained(module, tiny_batches(4))
    assert {"discriminator/r1", "discriminator/lecam"} < set(module.latest)
    state = {key: value for key, value in module.state_dict().items() if not key.startswith("losses_with_state")}
    assert same(state, plain.state_dict())


class Norms(L.Callback):
    """The gradient norm of each network just before and after each optimizer step."""

    def __init__(self):
        self.before, self.after = [], []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.before.append(norms(module))

    def on_before_zero_grad(self, trainer, module, optimizer):
        self.after.append(norms(module))


def norms(module):
    return {
        name: torch.stack([p.grad.norm() for p in getattr(module, name).parameters() if p.grad is not None]).norm()
        for name in CLIP
        if any(p.grad is not None for p in getattr(module, name).parameters())
    }


def test_each_network_is_clipped_at_its_own_step():
    module, record = tiny_module(clip=CLIP), Norms()
    trained(module, tiny_batches(1), record)
    assert record.before[0]["generator"] > 0.5
    assert record.before[0]["siamese"] > 0.25
    assert record.before[1]["discriminator"] > 0.125
    # Nothing is cleared after the last step, so the gradients are still there as the optimizers saw them.
    for name, norm in norms(module).items():
        assert norm.item() == pytest.approx(CLIP[name], rel=1e-4), name


def test_a_network_without_a_norm_is_not_clipped(monkeypatch):
    called = []
    monkeypatch.setattr(gradients.nn.utils, "clip_grad_norm_", lambda parameters, norm: called.append(norm))
    trained(tiny_module(clip={"siamese": 3.0, "generator": None}), tiny_batches(4))
    assert called == [3.0, 3.0]  # at batches 0 and 3


class Clear(L.Callback):
    """A guard that makes every step a no-op."""

    def on_before_optimizer_step(self, trainer, module, optimizer):
        optimizer.zero_grad()


def test_steps_without_gradients_are_no_steps():
    module, start = tiny_module(clip=CLIP), tiny_module()
    trained(module, tiny_batches(2), Clear())
    assert same(dict(module.generator.named_parameters()), dict(start.generator.named_parameters()))
    assert same(dict(module.discriminator.named_parameters()), dict(start.discriminator.named_parameters()))


class Rates(L.Callback):
    """Each batch's learning rates."""

    def __init__(self):
        self.found = []

    def on_train_batch_end(self, trainer, *_):
        self.found.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers])


def test_rates_follow_the_schedule_and_the_factor():
    module, record = tiny_module(schedule=Warmup(4)), Rates()
    module.rate_factor = 0.5
    trained(module, tiny_batches(5), record)
    assert record.found == [[2e-4 * factor] * 2 for factor in (0.125, 0.25, 0.375, 0.5, 0.5)]


def test_augment_touches_real_and_fake_in_both_steps():
    module = tiny_module(augment=lambda windows: torch.zeros_like(windows) + 0 * windows)
    seen = []
    module.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    trained(module, tiny_batches(2))
    assert [len(windows) for windows in seen] == [4, 8, 8]  # fake; real and fake; real and fake
    assert not any(windows.any() for windows in seen)


def test_lecam_is_updated_once_a_discriminator_step():
    losses = levers()
    module = tiny_module(losses)
    trained(module, tiny_batches(5))
    assert losses["lecam"].loss.steps.item() == 5
    assert module.state_dict()["losses_with_state.lecam.steps"].item() == 5


def everything(**adam):
    module = tiny_module(levers(), clip=CLIP, schedule=Cosine(8), ema_rampup=0.5, ema_decay=0.9, generator_every=2)
    for name in ("generator", "discriminator"):
        object.__setattr__(module.optim, name, partial(ADAM, **adam))
    return module


class SaveAt(L.Callback):
    """A checkpoint after so many batches."""

    def __init__(self, batch, path):
        self.batch, self.path = batch, path

    def on_train_batch_end(self, trainer, module, *_):
        if module.batch_count == self.batch:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_all_state_survives_a_checkpoint_bit_for_bit(precision, tmp_path):
    straight, resumed, batches, path = everything(), everything(), tiny_batches(8), tmp_path / "five.ckpt"
    straight.rate_factor = 0.5
    trainer = trained(straight, batches, SaveAt(5, path), precision=precision)
    again = trained(resumed, batches[5:], checkpoint=path, precision=precision)
    assert resumed.batch_count == 8
    assert resumed.rate_factor == 0.5
    assert resumed.average.updates == 4
    assert same(resumed.state_dict(), straight.state_dict())
    for one, other in zip(trainer.optimizers, again.optimizers, strict=True):
        assert one.param_groups[0]["lr"] == other.param_groups[0]["lr"]


def test_on_resume_the_configs_values_win_over_the_checkpoints(tmp_path):
    path = tmp_path / "two.ckpt"
    trained(everything(), tiny_batches(4), SaveAt(2, path))
    module, record = everything(lr=1e-3, betas=(0.8, 0.9)), Rates()
    trainer = trained(module, tiny_batches(4)[2:], record, checkpoint=path)
    expected = [1e-3 * Cosine(8)(batch) for batch in (2, 3)]
    assert record.found == [[rate] * 2 for rate in expected]
    for optimizer in trainer.optimizers:
        assert optimizer.param_groups[0]["betas"] == (0.8, 0.9)
        assert len(optimizer.state) > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"clip": {"generator": 0}}, r"optim\.clip\.generator is 0"),
        ({"schedule": 0.5}, r"optim\.schedule is 0\.5"),
        ({"augment": True}, r"optim\.augment is True"),
        ({"ema_rampup": 0.05, "ema_decay": None}, r"optim\.ema_decay is null"),
    ],
)
def test_impossible_settings_are_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        OptimSettings(ADAM, ADAM, **wrong)
