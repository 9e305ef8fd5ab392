"""How much a training computes, and that the yardstick of benchmarks computes the same."""

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bare import Bare
from melgan_vc.data.dataset import Batch
from melgan_vc.training.arithmetic import arithmetic, known_arithmetic
from tests.training.test_module import Record, tiny_module, trained

BINS, WINDOW, BATCH = 6, 24, 4


def batches(count: int) -> list[Batch]:
    random = torch.Generator().manual_seed(3)
    return [Batch(*torch.rand(2, BATCH, BINS, WINDOW, generator=random).mul(2).sub(1)) for _ in range(count)]


@pytest.mark.parametrize("every", [1, 3])
def test_the_arithmetic_of_a_cycle_is_what_the_steps_of_a_bare_loop_do(every: int) -> None:
    module = tiny_module(generator_every=every)
    bare = Bare(module, reduced=False)
    with FlopCounterMode(display=False) as counter:
        for batch in batches(every):
            bare.step(*batch)
    found = arithmetic(module, BATCH, BINS)
    assert found.cycle == counter.get_total_flops() > 0
    assert found.batch == found.cycle / every
    first, *others = 2 * 6 * 4 * 3 * 22, 2 * 4 * 4 * 9 * 11, 2 * 4 * 4 * 7 * 6, 2 * 4 * 6  # layers of the discriminator
    forward = first + sum(others)
    for_the_generator = 2 * forward  # there and back, without weights
    for_itself = forward + forward + sum(others)  # there, weights, and back to the first layer
    assert found.networks["discriminator"] == BATCH * (for_the_generator + every * 2 * for_itself)


def test_finding_it_changes_nothing() -> None:
    module = tiny_module()
    before = copy.deepcopy(module.state_dict())
    arithmetic(module, BATCH, BINS)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.generator.parameters())


def test_a_network_that_looks_at_its_numbers_has_none() -> None:
    module = tiny_module()
    forward = module.siamese.forward
    module.siamese.forward = lambda chunk: forward(chunk) if chunk.sum().item() < 1e9 else chunk  # type: ignore[method-assign]
    assert known_arithmetic(module, BATCH, BINS) is None
    assert known_arithmetic(tiny_module(), BATCH, BINS) is not None


def test_a_bare_loop_finds_the_same_losses() -> None:
    module = tiny_module(ema_decay=0.9)
    bare, record, given = Bare(module, reduced=False), Record(), batches(20)
    expected = [[None if one is None else one.item() for one in bare.step(*batch)] for batch in given]
    trained(module, given, record)
    for number, ((generator, discriminator), found) in enumerate(zip(expected, record.losses, strict=True)):
        assert found["discriminator/total"] == pytest.approx(discriminator, abs=1e-3), number
        assert (generator is None) == ("generator/total" not in found) == (number % 3 != 0)
        if generator is not None:
            assert found["generator/total"] == pytest.approx(generator, abs=1e-3), number
    assert module.average is not None
    assert torch.allclose(module.average.network.bias, bare.average.bias, atol=1e-5)
