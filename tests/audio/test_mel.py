import numpy as np
import pytest
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.stream import MelStream, front_end
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import GOLDEN, TINY_AUDIO

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)


def test_equals_the_notebooks_front_end():
    golden = np.load(GOLDEN / "frontend.npz")
    mel = MelTransform(NOTEBOOK)(torch.from_numpy(golden["waveform"]))
    assert mel.shape == golden["spectrogram"].shape
    error = np.abs(mel.numpy() - golden["spectrogram"])
    assert error.mean() < 1e-6
    assert error[golden["spectrogram"] > -0.4].max() < 1e-5
    assert error.max() < 1e-4  # near the floor, 80 dB down, machines round the power of float32 samples differently


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
