"""Filtering by the change of a mel: no change gives the source, 6 dB twice the source, and silence stays silence."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from melgan_vc.audio import kernels
from melgan_vc.audio.filtering import AT_ONCE, Filter, audible_filters, smooth
from melgan_vc.audio.frames import FrameSteps
from melgan_vc.audio.mel import MelTransform
from melgan_vc.audio.synthesis import Piece
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import TINY_AUDIO, hum

NOTEBOOK = AudioSpec(16000, 192, 1152, 192)
ODD = AudioSpec(8000, 100, 401, 16, top_db=None)
NARROW = AudioSpec(8000, 128, 256, 16, min_frequency=100.0, max_frequency=3000.0)  # half a window a hop
SPECS = [NOTEBOOK, ODD, NARROW, TINY_AUDIO]
LENGTHS = [1, 2, 127, 128, 129, 5000]


def noise(samples: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def whole(source: Tensor, spec: AudioSpec, decibel: Tensor | float = 0.0) -> Piece:
    """A recording whose mel is changed by so many dB."""
    mel = MelTransform(spec)(source)
    return Piece(mel + decibel / (spec.range_db / 2), mel, source)


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("spec", SPECS)
def test_no_change_gives_the_source_and_six_db_give_twice_it(spec: AudioSpec, samples: int) -> None:
    source = noise(samples)
    assert torch.allclose(Filter(spec).synthesise(whole(source, spec)), source, atol=1e-6)
    twice = Filter(spec).synthesise(whole(source, spec, 20 * math.log10(2)))
    assert torch.allclose(twice, 2 * source, atol=1e-6)


@pytest.mark.parametrize("n_fft", [384, 500, 2048])
def test_another_stft_than_the_mels_gives_the_source_back_as_well(n_fft: int) -> None:
    source, method = noise(4097), Filter(NOTEBOOK, n_fft=n_fft)
    assert torch.allclose(method.synthesise(whole(source, NOTEBOOK)), source, atol=1e-6)
    assert torch.allclose(method.synthesise(whole(source, NOTEBOOK, -20.0)), 0.1 * source, atol=1e-6)
    recording = whole(source, NOTEBOOK, torch.linspace(-20, 20, 192)[:, None])
    found = in_pieces(method, pieces_of(recording, NOTEBOOK, 160, 3))[:4097]
    assert torch.equal(found, method.synthesise(recording))
    assert (found - Filter(NOTEBOOK).synthesise(recording)).norm() < 0.2 * found.norm()


def test_a_change_of_one_band_changes_that_band_alone() -> None:
    time = torch.arange(16000) / 16000
    low, high = (0.1 * torch.sin(2 * torch.pi * frequency * time) for frequency in (500.0, 5000.0))
    change = torch.zeros(192, 1)
    change[140:] = -20.0  # above about 3.4 kHz
    found = Filter(NOTEBOOK).synthesise(whole(low + high, NOTEBOOK, change))[2000:-2000]
    wanted = (low + 0.1 * high)[2000:-2000]
    assert (found - wanted).abs().max() < 1e-3


def test_a_change_in_time_comes_when_it_is() -> None:
    source, change = noise(16000), torch.zeros(192, 84)
    change[:, 42:] = 20.0
    found = Filter(NOTEBOOK).synthesise(whole(source, NOTEBOOK, change))
    middle, reach = 42 * 192, 1152 // 2 + 2 * 192
    assert torch.allclose(found[: middle - reach], source[: middle - reach], atol=1e-6)
    assert torch.allclose(found[middle + reach :], 10 * source[middle + reach :], atol=1e-5)


@pytest.mark.parametrize(("decibel", "factor"), [(90.0, 100.0), (-90.0, 0.01)])
def test_a_change_is_limited(decibel: float, factor: float) -> None:
    source = noise(4000)
    found = Filter(NOTEBOOK, limit_db=40.0).synthesise(whole(source, NOTEBOOK, decibel))
    assert torch.allclose(found, factor * source, atol=1e-5, rtol=1e-3)


def test_smoothing_is_the_mean_of_what_is_there() -> None:
    change = torch.tensor([[0.0, 3.0, 6.0], [3.0, 0.0, 9.0], [100.0, 100.0, 100.0], [0.0, 3.0, 0.0]])
    weights = torch.tensor([1.0, 1.0, 0.0, 1.0])
    found = smooth(change, 3, 1, weights)
    assert torch.allclose(found[0], torch.tensor([1.5, 1.5, 7.5]))  # of the first two bins
    assert torch.allclose(found[1], torch.tensor([1.5, 1.5, 7.5]))  # the third has no weight
    assert torch.allclose(found[3], change[3])
    assert torch.allclose(smooth(change, 1, 3, weights)[0], torch.tensor([1.5, 3.0, 4.5]))
    assert torch.equal(smooth(change[None], 3, 3, weights)[0], smooth(change, 3, 3, weights))


def test_smoothing_lets_gradients_through_to_every_bin_with_weight() -> None:
    change = torch.randn(2, 192, 9, requires_grad=True)
    weights = audible_filters(AudioSpec(16000, 128, 512, 192))
    smooth(change, 13, 3, weights).square().sum().backward()
    assert change.grad is not None
    heard = weights.bool()
    assert (change.grad[:, heard] != 0).all() and not change.grad[:, ~heard].any()


def test_filters_that_no_bin_falls_into_have_no_say() -> None:
    narrow = AudioSpec(16000, 128, 512, 192)
    source, change = noise(4000), torch.zeros(192, 1)
    deaf = audible_filters(narrow) == 0
    mel = MelTransform(narrow)(source)
    assert deaf.sum() == 10 and (mel[deaf] == mel.min()).all()
    change[deaf] = 80.0
    found = Filter(narrow, bins=5).synthesise(whole(source, narrow, change))
    assert torch.allclose(found, source, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_digital_silence_stays_so_and_nothing_is_nan(spec: AudioSpec) -> None:
    silence = torch.zeros(5000)
    mel = MelTransform(spec)(silence)
    found = Filter(spec, bins=1, frames=1).synthesise(Piece(torch.ones_like(mel), mel, silence))
    assert found.shape == silence.shape and not found.any()
    half = torch.cat([noise(2500), torch.zeros(2500)])  # below the loudest by more than top_db: at the floor
    mel = MelTransform(spec)(half)
    found = Filter(spec, bins=1, frames=1).synthesise(Piece(2 * torch.rand(mel.shape) - 1, mel, half))
    assert torch.isfinite(found).all() and not found[2500 + spec.n_fft :].any()


def pieces_of(recording: Piece, spec: AudioSpec, size: int, late: int) -> Sequence[Piece]:
    """A recording as it comes: blocks of so many samples, and translations so many frames after their sources."""
    front_end = FrameSteps(spec)
    state, came, given, pieces = front_end.start(), 0, 0, []
    for block in [*recording.source.split(size), None]:
        state, frames = front_end.end(state) if block is None else front_end.step(state, block)
        complete = came + frames.mel.shape[1]
        ready = complete if block is None else max(given, complete - late)
        sound = recording.source[:0] if block is None else block
        pieces.append(Piece(recording.mel[:, given:ready], recording.source_mel[:, came:complete], sound))
        came, given = complete, ready
    return pieces


def in_pieces(method: Filter, pieces: Sequence[Piece]) -> Tensor:
    steps = method.in_blocks()
    states, sounds = [steps.start()], []
    for piece in pieces:
        states, found = steps.step(states, [piece])
        sounds += found
    return torch.cat([*sounds, *steps.end(states)])


@pytest.mark.parametrize("frames", [1, 3, 9])
@pytest.mark.parametrize("spec", SPECS)
def test_blocks_of_any_size_give_the_same_samples(spec: AudioSpec, frames: int) -> None:
    method = Filter(spec, bins=5, frames=frames)
    for size, late, samples in ((1, 0, 1500), (160, 7, 12345), (777, 3, 12345), (4096, 23, 12345)):
        recording = whole(noise(samples), spec)
        translated = 2 * torch.rand(recording.mel.shape, generator=torch.Generator().manual_seed(1)) - 1
        recording = replace(recording, mel=translated)
        found = in_pieces(method, pieces_of(recording, spec, size, late))
        assert torch.equal(found[:samples], method.synthesise(recording))


def test_recordings_side_by_side_come_out_as_alone() -> None:
    method = Filter(TINY_AUDIO)
    recordings = [whole(noise(length, length), TINY_AUDIO, 12.0) for length in (3000, 128, 4097, 1)]
    steps = method.in_blocks()
    states, firsts = steps.step([steps.start() for _ in recordings], recordings)
    for recording, first, last in zip(recordings, firsts, steps.end(states), strict=True):
        assert torch.equal(torch.cat([first, last])[: len(recording.source)], method.synthesise(recording))


def test_memory_does_not_grow_with_what_came() -> None:
    steps = Filter(TINY_AUDIO).in_blocks()
    states = [steps.start()]
    for piece in pieces_of(whole(noise(200000), TINY_AUDIO), TINY_AUDIO, 8000, 8):
        states, _ = steps.step(states, [piece])
        held = states[0]
        assert held.source_mel.shape[1] <= 8 and held.change.shape[1] <= 4
        assert len(held.source) <= 12 * 128 + 512 and len(held.sums) == 512 - 128


def test_more_frames_than_are_filtered_at_once_have_no_seam() -> None:
    source = noise((2 * AT_ONCE + 5) * 128)
    found = Filter(TINY_AUDIO).synthesise(whole(source, TINY_AUDIO, 6.0))
    assert torch.allclose(found, 10 ** (6 / 20) * source, atol=1e-5)


def test_without_machine_code_it_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    source = torch.from_numpy(hum(1, 8000, 150, 1))
    mel = MelTransform(TINY_AUDIO)(source)
    piece = Piece(mel.flip(0), mel, source)
    fast = Filter(TINY_AUDIO).synthesise(piece)
    monkeypatch.setattr(kernels, "fitting", lambda *tensors: False)
    assert torch.allclose(Filter(TINY_AUDIO).synthesise(piece), fast, atol=1e-5)


def test_a_mel_alone_or_of_another_length_is_refused() -> None:
    source = noise(4000)
    mel = MelTransform(TINY_AUDIO)(source)
    with pytest.raises(UserError, match=r"needs the recording .* OfflineConverter.*inversion=griffin_lim"):
        Filter(TINY_AUDIO)(mel[None])
    for wrong in (Piece(mel, mel, source[:3000]), Piece(mel[:, 1:], mel, source), Piece(mel, mel, source[:0])):
        with pytest.raises(UserError, match="made of this source"):
            Filter(TINY_AUDIO).synthesise(wrong)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"bins": 4}, "inversion.bins is 4: give an odd number"),
        ({"bins": 0}, "inversion.bins is 0"),
        ({"frames": 2}, "inversion.frames is 2: give an odd number"),
        ({"frames": True}, "inversion.frames is True"),
        ({"limit_db": 0}, "inversion.limit_db is 0"),
        ({"limit_db": np.inf}, "inversion.limit_db is inf"),
        ({"n_fft": 255}, "inversion.n_fft is 255: give a whole number from 256"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, word: str) -> None:
    with pytest.raises(UserError, match=word):
        Filter(TINY_AUDIO, **settings)


def test_a_front_end_whose_filters_hold_no_bin_is_refused() -> None:
    with pytest.raises(UserError, match="no mel filter holds a bin"):
        Filter(AudioSpec(8000, 1, 4, 1, min_frequency=100.0, max_frequency=200.0))
