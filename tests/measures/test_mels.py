import math

import numpy as np
import pytest
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.measures import mels
from tests.conftest import TINY_AUDIO, hum


def test_distance_of_two_domains_by_hand():
    flat = torch.zeros(2, 4)
    moving = torch.tensor([[0.5, -0.5, 0.5, -0.5], [0.0, 0.0, 0.0, 0.0]])
    one, other = (mels.statistics([mel], TINY_AUDIO) for mel in (flat, moving))
    # 50 dB a unit: in the first bin the spread is 25 dB and steps of 50, -50, 50 dB have a spread of 47.14 dB.
    assert torch.allclose(other, torch.tensor([[0.0, 0], [25, 0], [47.1405, 0]]), atol=1e-3)
    assert mels.distance(one, other) == pytest.approx((25 + 47.1405) / 2, abs=1e-3)
    assert mels.distance(other, other) == 0


def test_distance_counts_all_frames_alike():
    short, long = torch.full((1, 2), 1.0), torch.zeros(1, 6)
    assert mels.statistics([short, long], TINY_AUDIO)[0].item() == pytest.approx(50 * 2 / 8)


def test_a_constant_has_no_spread_and_the_input_no_change():
    source = torch.rand(8, 3, 4)
    assert mels.spread(source, torch.zeros_like(source)) == 0
    assert mels.spread(source, source) == pytest.approx(1)
    assert mels.spread(source, 0.5 * source) == pytest.approx(0.5)
    assert mels.change(source, source) == 0
    assert mels.change(source, source.roll(4, 0)) == pytest.approx(1)


def test_seams_stand_out():
    steps = torch.ones(23)
    mel = torch.cat([torch.zeros(1), steps.cumsum(0)])[None]
    assert mels.seam_ratio(mel, 8) == pytest.approx(1)
    steps[[7, 15]] = 3.0  # from frame 7 to 8, and from 15 to 16: where chunks of 8 meet
    assert mels.seam_ratio(torch.cat([torch.zeros(1), steps.cumsum(0)])[None], 8) == pytest.approx(3)
    for nothing in (mel[:, :8], mel[:, :1], mel[:, :0], torch.zeros(1, 24)):
        assert math.isnan(mels.seam_ratio(nothing, 8))


def test_level_follows_gain():
    front_end = MelTransform(TINY_AUDIO)
    loud = torch.from_numpy(hum(1.0, 8000, 150, 1))
    levels = [mels.level([front_end(gain * loud)], front_end) for gain in (0.5, 0.05)]
    assert levels[0] - levels[1] == pytest.approx(20, abs=0.1)


def test_content_agreement_finds_each_source():
    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(16, 4))).float()
    assert mels.content_agreement(vectors, vectors + 5) == 1  # moved as a whole
    assert mels.content_agreement(vectors, vectors.roll(1, 0)) == 0
    half = torch.cat([vectors[:8], vectors[8:].roll(1, 0)])
    assert mels.content_agreement(vectors, half) == pytest.approx(0.5)
    assert math.isnan(mels.content_agreement(vectors[:1], vectors[:1])), "which is always the closest"
    assert math.isnan(mels.content_agreement(torch.ones(8, 4), vectors[:8])), "all of silence are alike"
