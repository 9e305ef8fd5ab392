import math

import numpy as np
import pytest
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.stream import MelStream, front_end
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import GOLDEN, TINY_AUDIO

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)


EPSILON = 2.0**-24  # of float32, half the distance from 1 to the next number


def test_equals_the_notebooks_front_end():
    """Hold the mel, and the notebook's, to what float32 can give of the mel in float64.

    In float32 an FFT of n samples errs in each bin by about log2(n) times EPSILON times the frame's root mean square
    (Higham, Accuracy and Stability of Numerical Algorithms, 24.1). A mel bin's amplitude is a norm of the spectrum,
    weighted by the roots of its filter, so it errs by that times the root of the filter's sum at most. In dB this is
    little in a bin as loud as its frame, and 1e-4 of the range in one that is 80 dB quieter, which no machine gets
    right; the loudest tenths of a mel are held to less than 1e-6.
    """
    golden = np.load(GOLDEN / "frontend.npz")
    waveform = torch.from_numpy(golden["waveform"])
    exact = MelTransform(NOTEBOOK).double()
    spectrum = exact.spectrogram(waveform.double())
    power = exact.mel_scale(spectrum)
    root_mean_square = ((2 * spectrum.sum(0) - spectrum[0] - spectrum[-1]) / NOTEBOOK.n_fft).sqrt()
    amplitude = power.clamp(min=power.max() * 10 ** (-NOTEBOOK.top_db / 10)).sqrt()
    error = math.log2(NOTEBOOK.n_fft) * EPSILON * root_mean_square * exact.mel_scale.fb.sum(0).sqrt()[:, None]
    in_mel = 20 / math.log(10) * (error / amplitude) * 2 / NOTEBOOK.range_db
    allowed = 8 * EPSILON + in_mel.numpy()  # of the logarithm and what follows, and of the FFT
    assert np.quantile(allowed, 0.1) < 1e-6 and np.quantile(allowed, 0.75) < 1e-5
    expected = exact.normalise(power).numpy()
    for mel in (MelTransform(NOTEBOOK)(waveform).numpy(), golden["spectrogram"]):
        assert mel.shape == expected.shape
        assert (np.abs(mel - expected) / allowed).max() < 1


def test_a_stream_equals_the_notebooks_front_end_too():
    golden = np.load(GOLDEN / "frontend.npz")
    stream = MelStream(front_end(NOTEBOOK))
    frames = np.concatenate([stream.push(golden["waveform"]), stream.finish()])
    assert np.abs(np.maximum(frames, stream.floor).T - golden["spectrogram"]).max() < 5e-4  # float16's precision


@pytest.mark.parametrize("spec", [NOTEBOOK, TINY_AUDIO, AudioSpec(22050, 256, 1536, 128, 40.0, 10000.0)])
def test_filters_and_window_are_torchaudios(spec):
    ours, theirs = front_end(spec), MelTransform(spec)
    assert np.abs(ours.filters.toarray() - theirs.mel_scale.fb.T.numpy()).max() < 5e-5
    window = theirs.spectrogram.window
    assert np.abs(ours.window - (window / window.square().sum().sqrt()).numpy()).max() < 1e-7


def test_denormalise_undoes_normalise():
    front_end = MelTransform(NOTEBOOK)
    power = 10 ** (torch.rand(192, 30) * 6 - 5)  # within 80 dB of the loudest bin and within the range
    back = front_end.denormalise(front_end.normalise(power))
    assert torch.allclose(back, power, rtol=1e-4)


def test_silence_is_the_lowest_mel():
    mel = MelTransform(NOTEBOOK)(torch.zeros(4000))
    assert torch.equal(mel, torch.full((192, 21), -1.0))


@pytest.mark.parametrize("samples", [1, 5, 576, 577, 800])
def test_a_clip_shorter_than_one_fft_has_its_frames(samples):
    mel = MelTransform(NOTEBOOK)(0.1 * torch.ones(samples))
    assert mel.shape == (192, 1 + samples // 192)
    assert torch.isfinite(mel).all()


def test_samples_beyond_full_scale_stay_in_range():
    mel = MelTransform(NOTEBOOK)(torch.randn(4000) * 100)
    assert mel.max() == 1.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_and_infinite_samples_are_refused(bad):
    waveform = torch.zeros(4000)
    waveform[7] = bad
    with pytest.raises(UserError, match="NaN or infinite"):
        MelTransform(NOTEBOOK)(waveform)


def test_an_empty_waveform_is_refused():
    with pytest.raises(UserError, match="empty"):
        MelTransform(NOTEBOOK)(torch.zeros(0))


@pytest.mark.parametrize("samples", [1, 300, 513, 1000, 5000, 8191, 20000])
@pytest.mark.parametrize("spec", [TINY_AUDIO, AudioSpec(8000, 100, 401, 16, top_db=None)])
def test_a_stream_gives_the_frames_of_the_whole(samples, spec):
    waveform = np.random.default_rng(samples).standard_normal(samples).astype(np.float32) * np.linspace(0, 1, samples)
    waveform = waveform.astype(np.float32)
    transform = MelTransform(spec)
    whole = transform(torch.from_numpy(waveform)).T.numpy()
    for size in (samples, 700, 64):
        stream = MelStream(front_end(spec))
        pieces = [stream.push(waveform[start : start + size]) for start in range(0, samples, size)]
        found = np.maximum(np.concatenate([*pieces, stream.finish()]), stream.floor)
        assert found.shape == whole.shape
        assert found.dtype == np.float16
        assert np.abs(found - whole).max() < 2e-3
        assert stream.frames == len(found)
