"""A generator that changes its input."""

import pytest
import torch

from melgan_vc import bundle
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.export import SUFFIXES, export
from melgan_vc.inference.whole import WholeMel
from melgan_vc.networks.layers import smooth_bins
from melgan_vc.networks.residual import Clamp, ResidualUNetGenerator
from melgan_vc.training.arithmetic import work
from tests.conftest import TINY_AUDIO, TINY_CHUNK

BINS = TINY_AUDIO.n_mels


def generator(smooth: int = 0, gain: float | None = None) -> ResidualUNetGenerator:
    torch.manual_seed(0)
    network = ResidualUNetGenerator(BINS, channels=8, smooth=smooth)
    if gain is not None:
        with torch.no_grad():
            network.gain.fill_(gain)
    return network


def mels(*shape: int) -> torch.Tensor:
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize("smooth", [0, 1, 13])
def test_an_untrained_one_hardly_changes_anything(smooth):
    chunk = mels(4, BINS, 8)
    out = generator(smooth)(chunk)
    assert 0 < (out - chunk).abs().max() <= 0.1
    assert torch.equal(generator(smooth, gain=0.0)(chunk), chunk)


def test_the_change_is_the_plain_generators_output_times_the_gain():
    chunk, network = 0.2 * mels(2, BINS, 8), generator(gain=0.5).eval()
    plain = super(ResidualUNetGenerator, network).forward(chunk)
    assert torch.allclose(network(chunk), chunk + 0.5 * plain)
    smooth = generator(smooth=7, gain=0.5).eval()
    assert torch.allclose(smooth(chunk), chunk + 0.5 * smooth_bins(plain, 7), atol=1e-6)


def test_the_output_stays_in_range_and_silence_can_stay_silence():
    network = generator(gain=30.0)
    assert network(mels(4, BINS, 8)).abs().max() == 1
    with torch.no_grad():
        network.bias.fill_(-50)  # the whole change is downwards
    silence = torch.full((3, BINS, 8), -1.0)
    for training in (True, False):
        assert torch.equal(network.train(training)(silence), silence)


def test_beyond_an_end_only_gradients_that_lead_back_pass():
    x = torch.tensor([-1.5, -1.5, -1.0, 0.2, 1.0, 1.5, 1.5], requires_grad=True)
    out = Clamp.apply(x)
    assert out.tolist() == pytest.approx([-1, -1, -1, 0.2, 1, 1, 1])
    out.backward(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0]))  # descent goes the other way
    assert x.grad.tolist() == [0, -1, 1, 1, -1, 0, 1]


def test_a_generator_that_holds_quiet_frames_too_low_learns_to_raise_them():
    network = generator(gain=1.0)
    with torch.no_grad():
        network.bias.fill_(-0.5)
    silence = torch.full((3, BINS, 8), -1.0)
    network(silence).sum().neg().backward()
    assert network.bias.grad < 0


@pytest.mark.parametrize("smooth", [0, 5])
def test_gradients_reach_all_weights(smooth):
    network = generator(smooth)
    network(mels(4, BINS, 8)).square().sum().backward()
    assert all(bool(one.grad.isfinite().all() and one.grad.any()) for one in network.parameters())


@pytest.mark.parametrize("smooth", [0, 5])
def test_a_bundle_of_it_is_saved_loaded_and_exported(smooth, tmp_path):
    network = generator(smooth, gain=0.7)
    network(mels(4, BINS, 8))
    given = {"n_mels": BINS, "channels": 8, "smooth": smooth}
    packed = bundle.pack(network, given, TINY_AUDIO, TINY_CHUNK, {})
    packed.save(tmp_path / bundle.NAME)
    back = bundle.load(tmp_path)
    assert isinstance(back.generator, ResidualUNetGenerator)
    assert back.arguments == given | {"spectral": False}
    chunk = mels(2, BINS, 8)
    assert torch.equal(back.generator(chunk), packed.generator(chunk))
    assert torch.allclose(packed.generator(chunk), network.eval()(chunk), atol=1e-2)  # its spectral norms have settled
    for kind, suffix in SUFFIXES.items():
        parity = export(Converter(back), tmp_path / f"voice{suffix}", kind)["parity"]
        assert max(parity.values()) < 1e-5, kind


def test_conversion_all_at_once_is_chunk_by_chunk():
    converter = Converter(bundle.pack(generator(5, 0.7), {"n_mels": BINS, "channels": 8, "smooth": 5}, TINY_AUDIO,
                                      TINY_CHUNK, {}))  # fmt: skip
    mel = mels(2, BINS, 50)
    with torch.no_grad():
        found = WholeMel(converter).eval()(mel)
    assert torch.allclose(found, torch.stack([converter.convert(one) for one in mel]), atol=1e-5)


def test_its_arithmetic_is_the_plain_generators():
    network = generator(5).to("meta")
    plain = super(ResidualUNetGenerator, network).forward
    count = work(network, 3, (BINS, 8))
    network.forward = plain  # type: ignore[method-assign]
    assert count == work(network, 3, (BINS, 8)) > 0


@pytest.mark.parametrize("smooth", [-1, BINS + 1, 2.0, True, "much"])
def test_impossible_widths_are_refused(smooth):
    with pytest.raises(UserError, match=f"smooth is {smooth!r}: give a number of mel bins from 0 to {BINS}"):
        ResidualUNetGenerator(BINS, smooth=smooth)
