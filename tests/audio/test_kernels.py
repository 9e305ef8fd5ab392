"""Loops in machine code compute what torch does."""

import pytest
import torch

from melgan_vc.audio import kernels
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.spectrum import Spectrum
from tests.conftest import TINY_AUDIO

SPECTRA = [torch.randn(2, 9, 257, dtype=torch.complex64) for _ in range(2)]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "fitting", lambda *tensors: False)


def found() -> list[torch.Tensor]:
    from melgan_vc.audio.griffin_lim import beyond
    from melgan_vc.audio.spectrum import power_of

    torch.manual_seed(0)
    spectrum = Spectrum(TINY_AUDIO)
    signal = torch.randn(2, spectrum.samples(9))
    magnitude = torch.rand(SPECTRA[0].shape)
    return [
        spectrum.analyse(signal),
        spectrum.synthesise(SPECTRA[0], spectrum.overlap(9)),
        spectrum.adjoint(SPECTRA[0].clone()),
        power_of(SPECTRA[0]),
        beyond(*SPECTRA, 0.9, magnitude),
        spectrum.refitted(magnitude**8, torch.rand(2, 9, TINY_AUDIO.n_mels) ** 8),
        spectrum.refitted(torch.zeros_like(magnitude), torch.rand(2, 9, TINY_AUDIO.n_mels)),
    ]


def test_they_compute_what_torch_computes(request: pytest.FixtureRequest) -> None:
    fast = found()
    request.getfixturevalue("without")
    for one, other in zip(fast, found(), strict=True):
        assert torch.allclose(one, other, atol=1e-5, rtol=1e-4)


def test_they_are_taken_where_no_gradient_is_asked_for() -> None:
    plain = torch.zeros(3)
    assert kernels.fitting(plain, torch.zeros(3, dtype=torch.complex64))
    assert not kernels.fitting(plain, plain.double()) and not kernels.fitting(plain.clone().requires_grad_())


def test_an_inversion_without_them_is_as_close(without: None) -> None:
    mel = torch.rand(1, TINY_AUDIO.n_mels, 20) - 0.5
    assert torch.isfinite(GriffinLim(TINY_AUDIO, iterations=4)(mel)).all()
