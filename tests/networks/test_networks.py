import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from melgan_vc.networks import layers
from melgan_vc.networks.discriminator import Discriminator
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.networks.layers import (
    Convolution,
    encoded_frames,
    folded_state,
    kernel_and_norm,
    same_padding,
    settle_spectral_norm,
)
from melgan_vc.networks.siamese import Siamese


def test_same_padding_puts_the_odd_zero_at_the_end():
    assert same_padding(24, 9, 2) == (3, 4)
    assert same_padding(11, 7, 2) == (3, 3)
    assert same_padding(24, 7, 1) == (3, 3)


@pytest.mark.parametrize("width", [8, 16, 24, 64])
def test_shapes_for_any_width_and_splits(width):
    chunk = torch.randn(3, 20, width)
    assert UNetGenerator(20, channels=4)(chunk).shape == chunk.shape
    assert Siamese(20, width, channels=4, vector_length=5)(chunk).shape == (3, 5)
    assert Discriminator(20, 2 * width, channels=4)(torch.randn(3, 20, 2 * width)).shape == (3,)


def test_default_sizes_are_the_notebooks():
    count = lambda network: sum(p.numel() for p in network.parameters())  # noqa: E731
    c = 256
    assert count(UNetGenerator(192)) == c * 192 * 3 + c * c * (9 + 7 + 7) + 2 * c * c * 9 + 2 * c * 192 + 4 * 2 * c + 1
    assert count(Siamese(192, 24)) == c * 192 * 3 + c * c * 16 + 3 * 2 * c + (6 * c + 1) * 128
    assert count(Discriminator(192, 72)) == 512 * 192 * 3 + 512 * 512 * 16 + 18 * 512 + 1
    assert encoded_frames(24) == 6


def test_discriminator_and_generator_kernels_have_spectral_norm_one():
    for network in (UNetGenerator(12, channels=6), Discriminator(12, 24, channels=6)):
        settle_spectral_norm(network, 200)
        state = folded_state(network)
        kernels = [value for name, value in state.items() if name.endswith("weight") and value.ndim > 1]
        assert len(kernels) in (6, 4)
        for kernel in kernels:
            assert torch.linalg.matrix_norm(kernel.flatten(1), 2) == pytest.approx(1, abs=1e-3)


def test_folding_changes_no_output_and_leaves_copies_alone():
    torch.manual_seed(0)
    network = UNetGenerator(12, channels=6)
    twin = copy.deepcopy(network)
    chunk = torch.randn(2, 12, 16)
    network(chunk)
    folded = UNetGenerator(12, channels=6, spectral=False)
    folded.load_state_dict(folded_state(network))
    assert torch.allclose(folded.eval()(chunk), network.eval()(chunk), atol=1e-6)
    assert twin.train()(chunk).requires_grad


def test_spectral_norm_is_computed_in_float32_under_autocast(monkeypatch):
    torch.manual_seed(0)
    network = Discriminator(12, 24, channels=6).eval()
    window = torch.randn(2, 12, 24)
    found = []
    monkeypatch.setattr(layers, "kernel_and_norm", lambda layer: found.append(kernel_and_norm(layer)) or found[-1])
    heads = []
    network.head.parametrizations.weight[0].register_forward_hook(lambda *given: heads.append(given[2]))
    network(window)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(window).dtype == torch.float32
    (plain, reduced) = found[:3], found[3:]
    assert len(plain) == len(reduced) == 3
    assert all(torch.equal(*pair) for pairs in zip(plain, reduced, strict=True) for pair in zip(*pairs, strict=True))
    assert torch.equal(*heads)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "frames"), [(3, 1, 12), (9, 2, 12), (7, 2, 11), (1, 1, 12)])
def test_a_divided_output_is_that_of_a_divided_kernel(training, kernel, stride, frames):
    torch.manual_seed(kernel)
    layer = spectral_norm(Convolution(4, 6, kernel, stride)).double().train(training)
    plain = copy.deepcopy(layer)
    x = torch.randn(3, 4, frames, dtype=torch.float64, requires_grad=True)
    results = []
    for one, run in ((layer, layer), (plain, lambda x: divided(plain, x, kernel, stride))):
        for _ in range(3):  # the second and third go on from the power iteration before
            out = run(x)
        (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        (out.sin().sum() + slope.square().sum()).backward()  # with a gradient of a gradient, as R1 has it
        state = one.parametrizations.weight[0]
        results.append((out, slope, one.parametrizations.weight.original.grad, state._u, state._v))
    assert all(torch.allclose(mine, theirs, atol=1e-10) for mine, theirs in zip(*results, strict=True))


def divided(layer, x, kernel, stride):
    """As PyTorch has it: the kernel is divided."""
    padded = nn.functional.pad(x, layers.same_padding(x.shape[-1], kernel, stride))
    return nn.functional.conv1d(padded, layer.weight, stride=stride)


def test_frames_are_doubled():
    x = torch.randn(2, 3, 5)
    assert torch.equal(layers.doubled(x), x.repeat_interleave(2, dim=-1))


def test_only_the_generators_output_and_the_heads_have_biases():
    for network, biases in ((UNetGenerator(12, 6), {"bias"}), (Discriminator(12, 24, 6), {"head.bias"})):
        plain = {
            f"{name}.bias".lstrip(".")
            for name, module in network.named_modules()
            if not isinstance(module, nn.BatchNorm1d) and getattr(module, "bias", None) is not None
        }
        assert plain == biases
