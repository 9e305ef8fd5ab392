import pytest
import torch

from melgan_vc.audio.inversion import GriffinLim
from melgan_vc.audio.mel import MelTransform
from melgan_vc.spec import AudioSpec

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)


def test_speech_comes_back_with_a_close_mel(voice):
    waveform, rate = voice
    assert rate == NOTEBOOK.sample_rate
    front_end = MelTransform(NOTEBOOK)
    mel = front_end(torch.from_numpy(waveform))
    back = GriffinLim(NOTEBOOK)(mel[None], samples=len(waveform))[0]
    assert back.shape == waveform.shape
    error_db = (front_end(back) - mel).abs().mean() / 2 * NOTEBOOK.range_db
    assert error_db < 1.2


@pytest.mark.parametrize("frames", [1, 2, 5, 40])
def test_any_length_gives_its_samples(frames):
    mel = torch.rand(2, 192, frames) - 0.5
    invert = GriffinLim(NOTEBOOK, iterations=2, unmix_iterations=2)
    assert invert(mel).shape == (2, max(1, (frames - 1) * 192))
    assert invert(mel, samples=frames * 192 - 1).shape == (2, frames * 192 - 1)
    assert torch.isfinite(invert(mel)).all()


def test_same_mel_same_waveform_and_the_global_random_state_is_left_alone():
    mel = torch.rand(1, 192, 30) - 0.5
    invert = GriffinLim(NOTEBOOK, iterations=2)
    torch.manual_seed(3)
    one = invert(mel)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert torch.equal(one, invert(mel))


def test_silence_comes_back_inaudible():
    back = GriffinLim(NOTEBOOK)(torch.full((1, 192, 50), -1.0))
    assert back.abs().max() < 1e-3
