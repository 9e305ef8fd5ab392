"""What the mel of a recording tells, on sounds whose level, noise, bandwidth and silence are known."""

import io

import numpy as np
import pytest
import soundfile
import soxr
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.measures.recordings import Sound, alike, measure
from melgan_vc.spec import AudioSpec

SPEC = AudioSpec(sample_rate=16000, hop_length=192, n_fft=1152, n_mels=192)
RATE = SPEC.sample_rate


def sound_of(waveform: np.ndarray) -> Sound:
    mel = MelTransform(SPEC)(torch.from_numpy(waveform.astype(np.float32)))
    return measure(mel.numpy().T.astype(np.float16), SPEC)


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    """White noise (N,) of a root mean square in dB under full scale."""
    return 10 ** (level / 20) * np.random.default_rng(seed).normal(size=int(seconds * RATE))


@pytest.mark.parametrize("level", [-20.0, -35.0])
def test_level_is_that_of_the_samples(level: float) -> None:
    assert sound_of(noise(3, level)).loud == pytest.approx(level, abs=1.5)


def test_pauses_tell_noise_and_silence() -> None:
    waveform = np.concatenate([noise(3, -20), noise(1, -65, seed=1)])
    found = sound_of(waveform)
    assert found.quiet == pytest.approx(-65, abs=2)
    assert found.range == pytest.approx(45, abs=3)
    assert found.silent == pytest.approx(0.25, abs=0.03)
    assert sound_of(noise(4, -20)).range < 5 and sound_of(noise(4, -20)).silent == 0


def test_bandwidth_shows_that_a_recording_was_upsampled(voice: tuple[np.ndarray, int]) -> None:
    whole = voice[0]
    telephone = soxr.resample(soxr.resample(whole, RATE, 8000), 8000, RATE)
    assert sound_of(whole).bandwidth > 6500
    assert 3300 < sound_of(telephone).bandwidth < 4100
    assert np.isnan(sound_of(1e-4 * whole).bandwidth)  # too quiet to tell


def test_a_recording_longer_than_a_block_is_measured_as_one() -> None:
    parts = [noise(60, -20), noise(60, -40, seed=1)]
    long, first, second = sound_of(np.concatenate(parts)), *map(sound_of, parts)
    assert long.mean == pytest.approx((first.mean + second.mean) / 2, abs=2e-3)
    assert long.deviation.mean() > 2 * first.deviation.mean()


def test_the_same_recording_in_another_format_level_or_rate_is_alike(voice: tuple[np.ndarray, int]) -> None:
    whole = voice[0]
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * whole, RATE, format="MP3")
    buffer.seek(0)
    others = [
        soundfile.read(buffer)[0],
        soxr.resample(soxr.resample(whole, RATE, 8000), 8000, RATE),
        np.concatenate([np.zeros(9000), whole, np.zeros(4000)]),
        whole[::-1],  # another one
    ]
    sounds = [sound_of(one) for one in (whole, *others)]
    assert alike(sounds) == [(one, other) for one in range(4) for other in range(one + 1, 4)]
