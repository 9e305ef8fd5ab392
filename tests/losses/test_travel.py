import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.losses.travel import Travel, travel


def step(source: torch.Tensor, translated: torch.Tensor) -> GeneratorStep:
    nothing = torch.zeros(0)
    return GeneratorStep(nothing, nothing, nothing, None, source, translated, nothing)


def test_equal_vectors_cost_minus_one():
    a, b = torch.randn(5, 8), torch.randn(5, 8)
    assert travel(a, a + 3, b, b + 3) == pytest.approx(-1, abs=1e-5)


def test_worked_out_by_hand():
    zero = torch.zeros(1, 2)
    before, after = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    assert travel(before, after, zero, zero) == pytest.approx((9 + 16) / 2 - 0)
    assert travel(before, 2 * before, zero, zero) == pytest.approx(9 / 2 - 1)
    assert travel(before, 2 * before, zero, zero, euclidean=0.0) == pytest.approx(-1)
    assert travel(before, 2 * before, zero, zero, cosine=0.0) == pytest.approx(4.5)


def test_equals_the_notebook(golden):
    vectors = [torch.from_numpy(golden[f"loss/{name}"]) for name in ("a1", "ga1", "a2", "ga2")]
    assert travel(*vectors) == pytest.approx(float(golden["loss/travel"]), abs=1e-5)


def test_source_and_translated_vectors_receive_gradient():
    source, translated = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, 4, requires_grad=True)
    Travel()(step(source, translated)).backward()
    assert source.grad.abs().min() > 0
    assert translated.grad.abs().min() > 0


def test_pairs_of_a_batch_are_all_different_chunks():
    source, translated = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    one, other = source.flatten(0, 1), translated.flatten(0, 1)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    by_hand = [travel(one[i : i + 1], other[i : i + 1], one[j : j + 1], other[j : j + 1]) for i, j in pairs]
    assert Travel(pairs="batch")(step(source, translated)) == pytest.approx(float(sum(by_hand) / len(pairs)), abs=1e-5)


def test_unknown_pairs_are_refused():
    with pytest.raises(UserError, match="window, batch"):
        Travel(pairs="all")
