import numpy as np
import pytest
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.losses.chroma import Chroma, pitch_classes
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.spec import AudioSpec

MUSIC = AudioSpec(sample_rate=22050, hop_length=256, n_fft=1536, n_mels=256)
C, D, E, G = 261.63, 293.66, 329.63, 392.0  # Hz


def loss() -> Chroma:
    return Chroma(MUSIC)


def step(source: torch.Tensor, translated: torch.Tensor) -> GeneratorStep:
    """A step of chunks (M, T)."""
    nothing = torch.zeros(0)
    return GeneratorStep(source[None, None], translated[None, None], nothing, None, nothing, nothing, nothing)


def chord(*pitches: float, brightness: float = 1.0) -> torch.Tensor:
    """A mel (M, T) of notes with six harmonics, of which a larger ``brightness`` has the higher ones louder."""
    time = torch.arange(MUSIC.sample_rate) / MUSIC.sample_rate
    sound = sum(
        (brightness / 2) ** k / k * torch.sin(2 * torch.pi * k * pitch * time) for pitch in pitches for k in range(1, 7)
    )
    return MelTransform(MUSIC)(0.1 * sound[None])[0][:, 10:-10]


def test_frequencies_belong_to_their_pitch_classes():
    matrix = pitch_classes(np.array([50.0, 261.63, 440.0, 880.0, 440 * 2 ** (0.35 / 12), 3000.0]), 80, 2000)
    assert matrix.shape == (12, 6)
    assert not matrix[:, [0, 5]].any()  # out of range
    assert matrix[0, 1] == pytest.approx(1, abs=1e-4)  # C
    assert matrix[9, 2] == matrix[9, 3] == 1  # A, whatever the octave
    assert matrix[9, 4] == pytest.approx(np.exp(-0.5))
    assert matrix[10, 2] == pytest.approx(np.exp(-0.5 / 0.35**2))  # a semitone off
    assert matrix[8, 2] == pytest.approx(matrix[10, 2])


def test_the_loudest_class_of_a_note_is_its_own():
    for number in range(12):
        found = loss().chroma(chord(2 * C * 2 ** (number / 12))[None])[0].mean(dim=1)
        assert found.argmax() == number


def test_frames_count_as_much_as_they_have_pitch_as_worked_out_by_hand():
    chroma = loss()
    chroma.chroma = lambda mel: mel  # type: ignore[method-assign]
    first, second = torch.zeros(12), torch.zeros(12)
    first[0], second[1] = 1.0, 1.0
    source = torch.stack([3 * first, first, 0 * first], dim=1)
    translated = torch.stack([first, 5 * second, second], dim=1)
    # The first frame has kept its class, the second has not, the third has none: (3 · 0 + 1 · 1 + 0) / 4.
    assert chroma(step(source, translated)).item() == pytest.approx(0.25)


def test_level_and_equaliser_are_free_and_other_notes_are_not():
    chroma, source = loss(), chord(C, E, G)
    slope = torch.linspace(-0.2, 0.3, MUSIC.n_mels)[:, None]  # 25 dB over all bins
    assert chroma(step(source, source)).item() == pytest.approx(0, abs=1e-5)
    assert chroma(step(source, (source + slope).clamp(-1, 1))).item() < 0.05
    assert chroma(step(source, chord(C, E, G, brightness=1.5))).item() < 0.2
    assert chroma(step(source, chord(C / 2, E / 2, G / 2))).item() < 0.6  # an octave lower
    assert chroma(step(source, chord(D, D * E / C, D * G / C))).item() > 0.9


def test_gradient_goes_to_the_translated_bins_that_are_listened_to():
    source, translated = chord(C, E, G).requires_grad_(), chord(D, G).requires_grad_()
    loss()(step(source, translated)).backward()
    assert source.grad is None
    used = translated.grad.abs().sum(dim=1) > 0
    assert used[20:50].all()  # 200 to 600 Hz
    assert not used[-100:].any()  # from 5 kHz on


def test_silence_has_no_melody_and_no_gradient_that_is_not_finite():
    silence, sound = torch.full((MUSIC.n_mels, 5), -1.0), chord(C)[:, :5]
    for source, translated in ((silence, sound), (sound, silence), (silence, silence)):
        out = translated.clone().requires_grad_()
        value = loss()(step(source, out))
        value.backward()
        assert value.item() == pytest.approx(1 if source is sound else 0)
        assert out.grad.isfinite().all()


def test_it_is_computed_in_float32_under_autocast():
    outputs = step(chord(C, E), chord(D, G))
    with torch.autocast("cpu", torch.bfloat16):
        reduced = loss()(outputs)
    assert reduced.item() == loss()(outputs).item()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"low": 0.0}, "range is 0.0 to 2000.0 Hz: give 0 < low < high <= 11025"),
        ({"high": 12000.0}, "range is 80.0 to 12000.0 Hz"),
        ({"low": 400.0, "high": 401.0}, "no mel bin lies between 400.0 and 401.0 Hz"),
        ({"smooth": 1}, "smooth is 1: give a whole number of mel bins from 2"),
    ],
)
def test_impossible_settings_are_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        Chroma(MUSIC, **wrong)
