import numpy as np
import pytest
import torch
from torch import Tensor

from melgan_vc.audio.gradient import GradientSearch
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.inversion import Inversion, InversionSteps
from melgan_vc.audio.lbfgs import Lbfgs
from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import TINY_AUDIO

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)
QUICK = [
    GriffinLim(NOTEBOOK, iterations=2),
    GriffinLim(NOTEBOOK, iterations=2, start="random", refit_every=0),
    Lbfgs(NOTEBOOK, steps=2, iterations=1),
    GradientSearch(NOTEBOOK, steps=2),
]


@pytest.fixture(scope="module")
def speech(voice: tuple[np.ndarray, int]) -> tuple[Tensor, Tensor]:
    """A waveform (N,) and its mel (1, M, T)."""
    waveform = torch.from_numpy(voice[0])
    return waveform, MelTransform(NOTEBOOK)(waveform)[None]


def error(invert: Inversion, speech: tuple[Tensor, Tensor]) -> float:
    """Mean difference of the mels in dB."""
    waveform, mel = speech
    back = invert(mel, samples=len(waveform))
    assert back.shape == (1, len(waveform))
    return float((MelTransform(NOTEBOOK)(back) - mel).abs().mean() / 2 * NOTEBOOK.range_db)


def test_speech_comes_back_with_a_close_mel(speech: tuple[Tensor, Tensor]) -> None:
    assert error(GriffinLim(NOTEBOOK), speech) < 0.7


def test_phases_by_their_gradient_and_refits_each_help(speech: tuple[Tensor, Tensor]) -> None:
    plain = error(GriffinLim(NOTEBOOK, 16, start="random", refit_every=0), speech)
    assert error(GriffinLim(NOTEBOOK, 16, refit_every=0), speech) < 0.9 * plain
    assert error(GriffinLim(NOTEBOOK, 16, start="random"), speech) < 0.9 * plain


def test_lbfgs_comes_closer_than_griffin_lim_and_closer_with_more_steps(speech: tuple[Tensor, Tensor]) -> None:
    methods = GriffinLim(NOTEBOOK, 8), Lbfgs(NOTEBOOK, 20), Lbfgs(NOTEBOOK, 60)  # these begin with 8 iterations too
    fast, some, more = (error(method, speech) for method in methods)
    assert more < some < fast


def test_the_notebooks_search_comes_closer_with_more_steps(speech: tuple[Tensor, Tensor]) -> None:
    short = speech[0][:8000], MelTransform(NOTEBOOK)(speech[0][:8000])[None]
    few, more = (error(GradientSearch(NOTEBOOK, steps=steps), short) for steps in (10, 100))
    assert more < 0.8 * few


@pytest.mark.parametrize("method", [GriffinLim(NOTEBOOK, block_seconds=0.5), Lbfgs(NOTEBOOK, 20, block_seconds=0.5)])
def test_blocks_are_as_good_as_a_whole_and_have_no_seams(method: Inversion, speech: tuple[Tensor, Tensor]) -> None:
    whole = GriffinLim(NOTEBOOK) if isinstance(method, GriffinLim) else Lbfgs(NOTEBOOK, 20)
    assert error(method, speech) < 1.15 * error(whole, speech)
    back = method(speech[1])[0]
    jumps = back.diff().diff().abs().numpy()
    borders = np.arange(method.block, speech[1].shape[-1] - method.block, method.block) * 192 - 576
    near = np.concatenate([jumps[border - 3 : border + 3] for border in borders])
    assert near.mean() < 2 * jumps.mean() and near.max() < jumps.max()


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_stream_gives_the_same_waveform_however_it_is_pushed(size: int, speech: tuple[Tensor, Tensor]) -> None:
    method = GriffinLim(NOTEBOOK, iterations=3)
    mel = speech[1][..., :130]
    steps = InversionSteps(method, block=24)
    states, pieces = [steps.start()], []
    for part in mel[0].split(size, dim=-1):
        states, found = steps.take(states, [part])
        assert states[0].waiting < 24 + steps.ahead
        pieces.append(found[0])
    pieced = torch.cat([*pieces, *steps.end(states)])
    states, at_once = steps.take([steps.start()], [mel[0]])
    assert torch.equal(pieced, torch.cat([*at_once, *steps.end(states)]))
    assert len(pieced) >= 129 * 192


def test_mels_side_by_side_do_not_touch_one_another(speech: tuple[Tensor, Tensor]) -> None:
    steps = InversionSteps(GriffinLim(NOTEBOOK, iterations=3), block=24)
    mels = [speech[1][0, :, start : start + length] for start, length in ((0, 80), (40, 80), (20, 33), (0, 0))]
    states, sounds = steps.take([steps.start() for _ in mels], mels)
    together = [torch.cat(one) for one in zip(sounds, steps.end(states), strict=True)]
    for mel, sound in zip(mels, together, strict=True):
        states, alone = steps.take([steps.start()], [mel])
        found = torch.cat([*alone, *steps.end(states)])  # rounding may let phases follow bins in another order
        assert len(found) == len(sound) and (found - sound).abs().sum() <= 0.02 * sound.abs().sum()


@pytest.mark.parametrize("frames", [1, 2, 5, 40])
@pytest.mark.parametrize("invert", QUICK)
def test_any_length_gives_its_samples(invert: Inversion, frames: int) -> None:
    mel = torch.rand(2, 192, frames) - 0.5
    assert invert(mel).shape == (2, max(1, (frames - 1) * 192))
    assert invert(mel, samples=frames * 192 - 1).shape == (2, frames * 192 - 1)
    assert torch.isfinite(invert(mel)).all()


@pytest.mark.parametrize("invert", [GriffinLim(TINY_AUDIO), GriffinLim(AudioSpec(8000, 100, 401, 16, top_db=None))])
def test_other_front_ends_are_inverted_too(invert: Inversion) -> None:
    time = torch.arange(8000) / 8000
    waveform = 0.3 * torch.sin(2 * torch.pi * 440 * time) + 0.1 * torch.sin(2 * torch.pi * 880 * time)
    mel = invert.front_end(waveform)
    back = invert(mel[None], samples=8000)[0]
    loudest = np.fft.rfft(back.numpy()).__abs__().argmax()
    assert abs(loudest - 440) < 40
    loud = mel > mel.max() - 0.6  # the upper 30 dB
    assert (invert.front_end(back) - mel)[loud].abs().mean() / 2 * invert.spec.range_db < 2


@pytest.mark.parametrize("invert", QUICK)
def test_same_mel_same_waveform_and_the_global_random_state_is_left_alone(invert: Inversion) -> None:
    mel = torch.rand(1, 192, 30) - 0.5
    torch.manual_seed(3)
    one = invert(mel)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert torch.equal(one, invert(mel))


@pytest.mark.parametrize("invert", [GriffinLim(NOTEBOOK), Lbfgs(NOTEBOOK, 10)])
def test_silence_comes_back_inaudible(invert: Inversion) -> None:
    back = invert(torch.full((1, 192, 50), -1.0))
    assert back.abs().max() < 1e-3


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: GriffinLim(NOTEBOOK, iterations=0), "inversion.iterations is 0"),
        (lambda: GriffinLim(NOTEBOOK, momentum=1.5), "inversion.momentum is 1.5"),
        (lambda: GriffinLim(NOTEBOOK, start="zero"), "give one of gradient, random"),
        (lambda: GriffinLim(NOTEBOOK, block_seconds=0), "inversion.block_seconds is 0"),
        (lambda: Lbfgs(NOTEBOOK, steps="many"), "inversion.steps is 'many'"),
        (lambda: GradientSearch(NOTEBOOK, lr=-1), "inversion.lr is -1"),
    ],
)
def test_wrong_settings_are_refused(make, word: str) -> None:
    with pytest.raises(UserError, match=word):
        make()
