"""The linear half of the front end and its adjoint, and phases that fit magnitudes."""

import numpy as np
import pytest
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.phase import PhaseGradient
from melgan_vc.audio.spectrum import Spectrum
from melgan_vc.spec import AudioSpec
from tests.conftest import TINY_AUDIO

SPECS = [AudioSpec(16000, 192, 1152, 192), TINY_AUDIO, AudioSpec(8000, 100, 401, 16)]


@pytest.mark.parametrize("spec", SPECS)
def test_mel_power_is_the_front_ends(spec: AudioSpec) -> None:
    spectrum, transform = Spectrum(spec), MelTransform(spec)
    signal = torch.randn(2, spectrum.samples(9))
    found = spectrum.mel(spectrum.analyse(signal).abs().square()).transpose(1, 2)
    middle = signal[:, spec.n_fft // 2 :]  # the same frames, but for the reflected ends
    wanted = transform.power(middle)
    first, last = spec.n_fft // spec.hop_length + 1, 5
    assert torch.allclose(found[..., first:last], wanted[..., first:last], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS)
def test_synthesis_undoes_analysis(spec: AudioSpec) -> None:
    spectrum = Spectrum(spec)
    signal = torch.randn(2, spectrum.samples(12))
    back = spectrum.synthesise(spectrum.analyse(signal), spectrum.overlap(12))
    inside = slice(spec.n_fft, -spec.n_fft)
    assert torch.allclose(back[:, inside], signal[:, inside], atol=1e-4)


@pytest.mark.parametrize("spec", SPECS)
def test_adjoint_is_the_gradient(spec: AudioSpec) -> None:
    spectrum = Spectrum(spec)
    signal = torch.randn(1, spectrum.samples(5), requires_grad=True)
    weights = torch.randn(1, 5, spectrum.bins)
    found = spectrum.analyse(signal)
    (weights * found.abs().square()).sum().backward()
    ours = spectrum.adjoint(found.detach() * weights)
    assert signal.grad is not None and torch.allclose(ours, signal.grad, rtol=1e-3, atol=1e-3)


def test_spread_is_the_transpose_of_mel() -> None:
    spectrum = Spectrum(SPECS[0])
    power, mel = torch.rand(1, 3, spectrum.bins), torch.rand(1, 3, 192)
    assert float((spectrum.mel(power) * mel).sum()) == pytest.approx(
        float((power * spectrum.spread(mel)).sum()), rel=1e-4
    )


def test_refits_bring_the_power_nearer_and_keep_it_positive() -> None:
    spectrum = Spectrum(SPECS[0])
    wanted = spectrum.mel(torch.rand(1, 6, spectrum.bins).pow(4))
    errors = []
    for updates in (0, 5, 20):
        power = spectrum.unmixed(wanted, updates)
        assert (power >= 0).all()
        errors.append(float((spectrum.mel(power) - wanted).abs().sum()))
    assert errors[2] < errors[1] < errors[0]


def convergence(phases: np.ndarray, spectrum: Spectrum, magnitude: torch.Tensor) -> float:
    """How far magnitudes (T, F) are from those of the sound with these phases, in dB."""
    estimate = torch.polar(magnitude, torch.from_numpy(phases).float())[None]
    back = spectrum.analyse(spectrum.synthesise(estimate, spectrum.overlap(len(magnitude))))[0].abs()
    return float(20 * torch.log10((back - magnitude).norm() / magnitude.norm()))


def test_phases_by_their_gradient_fit_the_magnitudes_of_speech(voice: tuple[np.ndarray, int]) -> None:
    spectrum = Spectrum(SPECS[0])
    magnitude = spectrum.analyse(torch.from_numpy(voice[0])[None])[0].abs()
    random = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitude.shape)
    found = PhaseGradient(SPECS[0]).phases(magnitude.numpy())
    assert convergence(found, spectrum, magnitude) < convergence(random, spectrum, magnitude) - 10


def test_phases_go_on_from_known_ones(voice: tuple[np.ndarray, int]) -> None:
    """A sound whose first frames are known goes on as it was; another start would cancel it."""
    spectrum = Spectrum(SPECS[0])
    time = torch.arange(24000) / 16000
    signal = torch.sin(2 * torch.pi * 523.0 * time + 1.0)[None]
    truth = spectrum.analyse(signal)[0]
    known = truth[:20].angle().numpy()
    phases = PhaseGradient(SPECS[0]).phases(truth.abs().numpy(), known)
    assert np.array_equal(phases[:20], known)
    estimate = torch.polar(truth.abs(), torch.from_numpy(phases).float())[None]
    back = spectrum.synthesise(estimate, spectrum.overlap(len(truth)))[0]
    soon = slice(20 * 192 + 1152, 40 * 192)  # later, the frequency's small error adds up
    assert float((back[soon] - signal[0, soon]).abs().mean()) < 0.2
