from dataclasses import replace
from pathlib import Path

import pytest

from melgan_vc.bundle import Bundle
from melgan_vc.evaluation.card import text
from melgan_vc.spec import PitchSpec


def test_measures_come_with_the_way_that_is_better(tiny_bundle: Bundle) -> None:
    held_out = {"mel_distance": 3.25, "to_target": 0.9, "f0_ratio": 1.01}
    code = {"commit": "0123abc", "dirty": True}
    found = text(replace(tiny_bundle, provenance={"held_out": held_out, "code": code}), Path("a.safetensors"))
    lines = found.splitlines()
    assert {"- mel_distance: 3.25 (less is better)", "- to_target: 0.9 (more is better)", "- f0_ratio: 1.01"} <= set(
        lines
    )
    assert "commit 0123abc, changed since" in found


def test_a_bundle_that_says_nothing_has_a_card_that_says_so(tiny_bundle: Bundle) -> None:
    lines = text(replace(tiny_bundle, provenance={}), Path("a.safetensors")).splitlines()
    assert {"- not stated", "- nothing was measured", "- licence: not stated", "- batches: not stated"} <= set(lines)
    assert "- chunks: 8 frames (128 ms), 3 in a window" in lines
    assert "- back to sound: griffin_lim" in lines


def test_a_bundle_says_how_its_mels_become_sound(tiny_bundle: Bundle) -> None:
    asking = replace(tiny_bundle, inversion={"name": "filter", "bins": 5, "limit_db": 40.0})
    assert "- back to sound: filter (bins 5, limit_db 40)" in text(asking, Path("a.safetensors")).splitlines()


def test_a_bundle_says_how_far_it_shifts_a_source(tiny_bundle: Bundle) -> None:
    shifting = replace(tiny_bundle, pitch=PitchSpec(180.0, 0.1, 127.28, 0.2, 0.89))
    line = next(line for line in text(shifting, Path("a.safetensors")).splitlines() if line.startswith("- pitch:"))
    assert "source 180 Hz, target 127 Hz" in line and "-6.0 semitones" in line and "0.89" in line
    assert "- pitch: as the source has it" in text(tiny_bundle, Path("a.safetensors")).splitlines()


ODD = [3, "x", [], {}, None, float("nan"), 10**400, {"licence": [1]}, {"source": {}, 3: "\x1b\n"}]


@pytest.mark.parametrize("odd", ODD)
def test_what_a_stranger_says_of_a_bundle_is_never_more_than_odd(tiny_bundle: Bundle, odd: object) -> None:
    names = ("experiment", "seed", "batches", "version", "code", "data", "minutes", "held_out", "card")
    inside = {"data": {"source": "1"}, "minutes": {"source": odd}, "held_out": {"x": odd}, "code": {"commit": odd}}
    for provenance in (dict.fromkeys(names, odd), inside):
        lines = text(replace(tiny_bundle, provenance=provenance), Path("a.safetensors")).splitlines()
        assert not any("\x1b" in line for line in lines) and max(map(len, lines)) < 700
