import math

import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.losses.contrast import Contrast, info_nce
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.losses.weighted import Weighted
from melgan_vc.training.arithmetic import arithmetic
from melgan_vc.training.module import MelganVC, steady_statistics
from melgan_vc.training.settings import Networks, OptimSettings
from tests.training.test_levers import SaveAt, same
from tests.training.test_module import ADAM, CHUNK, LOSSES, grouped, tiny_batches, tiny_module, trained


def step(*features: tuple[torch.Tensor, torch.Tensor]) -> GeneratorStep:
    nothing = torch.zeros(0)
    return GeneratorStep(nothing, nothing, nothing, None, nothing, nothing, nothing, features or None)


def with_contrast(weight: float = 1.0, layers: int = 3) -> dict[str, Weighted]:
    torch.manual_seed(5)
    return LOSSES | {"contrast": Weighted(Contrast(4, dimensions=8, layers=layers), weight)}


def test_the_cross_entropy_is_as_worked_out_by_hand():
    one, other = [1.0, 0.0], [0.0, 1.0]
    queries, keys = torch.tensor([[one, one, other]]), torch.tensor([[one, other, other]])
    # Cosines over the temperature of 0.5 are rows (2 0 0), (2 0 0), (0 2 2); each place's own key is on the diagonal.
    first, second, third = math.log(math.exp(2) + 2) - 2, math.log(math.exp(2) + 2), math.log(1 + 2 * math.exp(2)) - 2
    assert info_nce(queries, keys, 0.5).item() == pytest.approx((first + second + third) / 3)


def test_windows_are_not_compared_with_each_other():
    vectors = torch.nn.functional.normalize(torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    both = info_nce(vectors, vectors.flip(1), 0.1)
    alone = [info_nce(vectors[[place]], vectors[[place]].flip(1), 0.1) for place in (0, 1)]
    assert both.item() == pytest.approx((alone[0] + alone[1]).item() / 2)


def test_frames_of_all_chunks_of_a_window_are_told_apart_on_each_layer():
    torch.manual_seed(0)
    loss = Contrast(4, dimensions=8, temperature=0.01, layers=2)
    source = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 4, 4)
    same = loss(step(*zip(source, source, strict=True)))
    swapped = loss(step((source[0], source[0].roll(1, dims=1)), (source[1], source[1])))
    assert same.item() < 0.5 < 5 < swapped.item()


def test_gradient_goes_to_translated_features_and_heads_and_not_to_the_source():
    torch.manual_seed(0)
    loss = Contrast(4, dimensions=8, layers=1)
    source, translated = (torch.randn(2, 3, 4, 8, requires_grad=True) for _ in range(2))
    loss(step((source, translated))).backward()
    assert source.grad is None
    assert translated.grad.abs().sum(dim=2).min() > 0  # of every frame
    assert all(one.grad.any() for one in loss.parameters())


def test_frames_that_are_all_alike_as_in_silence_pull_nowhere():
    loss = Contrast(4, dimensions=8, layers=1)
    silence, translated = torch.ones(1, 2, 4, 8), torch.randn(1, 2, 4, 8, requires_grad=True)
    value = loss(step((silence, translated)))
    value.backward()
    assert value.item() == pytest.approx(math.log(16))
    assert translated.grad.abs().max() < 1e-5


def test_the_heads_train_with_the_generator_and_are_in_the_checkpoint():
    losses = with_contrast()
    module, start = tiny_module(losses), tiny_module(with_contrast())
    trained(module, tiny_batches(4))
    assert math.isfinite(module.latest["generator/contrast"])
    heads = dict(losses["contrast"].loss.named_parameters())
    assert heads.keys() == {f"heads.{n}.{m}.{kind}" for n in range(3) for m in (0, 2) for kind in ("weight", "bias")}
    for name, head in heads.items():
        assert torch.equal(module.state_dict()[f"losses_with_state.contrast.{name}"], head)
        assert not torch.equal(start.state_dict()[f"losses_with_state.contrast.{name}"], head)


def test_a_resumed_training_equals_one_that_never_stopped(tmp_path):
    straight, resumed, batches = tiny_module(with_contrast()), tiny_module(with_contrast()), tiny_batches(6)
    trained(straight, batches, SaveAt(3, tmp_path / "three.ckpt"))
    trained(resumed, batches[3:], checkpoint=tmp_path / "three.ckpt")
    assert same(resumed.state_dict(), straight.state_dict())


def test_at_weight_0_it_is_logged_and_trains_nothing():
    plain, module = tiny_module(LOSSES, generator_every=1), tiny_module(with_contrast(0.0), generator_every=1)
    for one in (plain, module):
        trained(one, tiny_batches(1))
    assert "generator/contrast" in module.latest
    ours, theirs = (dict(one.siamese.named_parameters()) for one in (module, plain))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_encoding_leaves_the_statistics_that_conversion_uses():
    module = tiny_module(with_contrast()).train()
    norm = module.generator.enter[1]
    before = norm.running_mean.clone(), norm.running_var.clone()
    chunks = torch.rand(2, 3, 6, 8) + 5
    features = module.encode(chunks, chunks)
    assert [tuple(one.shape) for one, _ in features] == [(2, 3, 4, 8), (2, 3, 4, 4), (2, 3, 4, 2)]
    assert torch.equal(norm.running_mean, before[0]) and torch.equal(norm.running_var, before[1])
    with steady_statistics(module.generator):
        assert norm.momentum == 0
    module.generator(chunks[:, 0])
    assert not torch.equal(norm.running_mean, before[0])


def test_its_arithmetic_is_two_encodings_more():
    found, plain = (arithmetic(tiny_module(one), 4, 6).networks["generator"] for one in (with_contrast(), LOSSES))
    layers = 2 * 4 * 6 * 3 * 8, 2 * 4 * 4 * 9 * 4, 2 * 4 * 4 * 7 * 2  # operations of one chunk
    assert found - plain == 3 * 4 * (sum(layers) + 3 * sum(layers))  # source; translated: there, back, and weights


def test_a_generator_without_an_encoder_is_refused():
    plain = tiny_module()
    networks = Networks(torch.nn.Conv1d(6, 6, 1), plain.siamese, plain.discriminator)
    with pytest.raises(UserError, match=r"networks\.generator: a loss compares .* Conv1d has no method encode"):
        MelganVC(networks, grouped(with_contrast()), OptimSettings(ADAM, ADAM), CHUNK)


def test_a_step_without_features_is_a_bug():
    with pytest.raises(RuntimeError, match="features"):
        Contrast(4)(step())


@pytest.mark.parametrize(
    "wrong", [{"channels": 0}, {"dimensions": 2.0}, {"layers": 0}, {"temperature": 0.0}, {"temperature": float("nan")}]
)
def test_impossible_settings_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"contrast's {name} is"):
        Contrast(**{"channels": 4} | wrong)
