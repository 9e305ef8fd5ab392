"""Pitch marks, and grains around them that are put together again at another pitch; loops over single samples."""

import math

import numpy as np

from melgan_vc.audio.pitch_shift.tracking import exact

TAPS, PHASES = 16, 512  # of the interpolation
LIKELY = 0.1  # what a mark loses that is a period too early or too late
STRONG = 0.2  # what it gains where the energy is highest


def sinc_table(cutoff: float) -> np.ndarray:
    """Return interpolation filters (PHASES, TAPS) with a cutoff as a share of half the sample rate."""
    places = np.arange(TAPS) - TAPS // 2 + 1 - np.arange(PHASES)[:, None] / PHASES
    table = cutoff * np.sinc(cutoff * places) * np.cos(np.pi * places / (TAPS + 1)) ** 2
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def mark(held, first, periods, frame, hop, energy, search, marks, lengths, place, onset):  # type: ignore[no-untyped-def]
    """Find the pitch marks of the frames that are decided.

    Args:
        held: samples (N,).
        first: place of the first of them.
        periods: (T,) in samples; 0 is unvoiced.
        frame: number of the first of these.
        hop: samples from one frame to the next, and between unvoiced marks.
        energy: samples to either side that a mark's energy is measured in.
        search: share of a period that a mark may be off by.
        marks, lengths: (K,) those before.
        place, onset: of the next mark, and whether the one before it is unvoiced.

    Returns:
        All marks and their periods, and the new place and onset.
    """
    most = max(0, (frame + len(periods)) * hop - place) // max(1, hop // 8) + 8
    new, new_lengths = np.zeros(most, np.int64), np.zeros(most)
    count, place, onset = find_marks(
        held, first, periods, frame, hop, energy, search, new, new_lengths, int(place), bool(onset)
    )
    marks, lengths = np.concatenate([marks, new[:count]]), np.concatenate([lengths, new_lengths[:count]])
    return marks, lengths, int(place), bool(onset)


@exact
def energy_at(held, at, reach):  # type: ignore[no-untyped-def]
    total = 0.0
    for one in range(at - reach, at + reach + 1):
        total += held[one] * held[one]
    return total


@exact
def find_marks(held, first, periods, frame, hop, reach, search, marks, lengths, place, onset):  # type: ignore[no-untyped-def]
    count = 0
    while True:
        number = (2 * place + hop) // (2 * hop) - frame
        if number >= len(periods):
            return count, place, onset
        period = periods[max(number, 0)]
        if period <= 0:
            marks[count], lengths[count] = place, 0.0
            count += 1
            place += hop
            onset = True
            continue
        here = place - first
        if onset:  # the first pulse
            best, at = -1.0, here
            for one in range(here, here + int(period + 0.5)):
                found = energy_at(held, one, reach)
                if found > best:
                    best, at = found, one
            here, onset = at, False
        marks[count], lengths[count] = here + first, period
        count += 1
        half = int(0.5 * period + 0.5)
        nearest, farthest = int((1 - search) * period), int((1 + search) * period)
        highest = 1e-9
        for step in range(nearest, farthest + 1):
            highest = max(highest, energy_at(held, here + step, reach))
        best, at = -np.inf, here + int(period + 0.5)
        for step in range(nearest, farthest + 1):
            product, before, after = 0.0, 1e-9, 1e-9
            for one in range(-half, half + 1):
                product += held[here + one] * held[here + step + one]
                before += held[here + one] * held[here + one]
                after += held[here + step + one] * held[here + step + one]
            score = product / math.sqrt(before * after) - LIKELY * abs(step - period) / period
            score += STRONG * energy_at(held, here + step, reach) / highest
            if score > best:
                best, at = score, here + step
        place = at + first


@exact
def value(held, at, formants, table):  # type: ignore[no-untyped-def]
    whole = math.floor(at)
    phase = int((at - whole) * PHASES + 0.5)
    if phase == PHASES:
        whole, phase = whole + 1, 0
    if phase == 0 and formants == 1.0:
        return held[whole] if 0 <= whole < len(held) else 0.0
    total = 0.0
    start = whole - TAPS // 2 + 1
    if start < 0 or start + TAPS > len(held):
        return 0.0
    for tap in range(TAPS):
        total += table[phase, tap] * held[start + tap]
    return total


@exact
def add_half(out, given, held, first, place, mark, extent, formants, gain, table, side):  # type: ignore[no-untyped-def]
    at = math.ceil(place) if side > 0 else math.ceil(place) - 1
    while abs(at - place) < extent:
        if 0 <= at - given < len(out):
            fade = 0.5 + 0.5 * math.cos(math.pi * abs(at - place) / extent)
            out[at - given] += gain * fade * value(held, mark + (at - place) * formants - first, formants, table)
        at += side


@exact
def add(held, first, marks, lengths, ratio, formants, table, place, at, out, given):  # type: ignore[no-untyped-def]
    gain = math.sqrt(formants / ratio)  # for the same power
    while True:
        voiced = lengths[at] > 0
        other = at + 1
        if voiced:
            then = place + lengths[at] / ratio
            if marks[len(marks) - 1] < then:
                return place, at
            other = at
            while other + 1 < len(marks) and abs(marks[other + 1] - then) <= abs(marks[other] - then):
                other += 1
            ends = at
            while ends < other and lengths[ends] > 0:
                ends += 1
            if lengths[ends] <= 0:  # something unvoiced lies between
                while marks[ends] <= place + min(0.3, 0.5 / ratio) * lengths[at]:
                    ends += 1
                other, then = ends, float(marks[ends])
        else:
            if other >= len(marks):
                return place, at
            then = float(marks[other])
        follows = lengths[other] > 0
        if voiced and follows:
            add_half(out, given, held, first, place, marks[at], lengths[at] / formants, formants, gain, table, 1)
            add_half(out, given, held, first, then, marks[other], lengths[other] / formants, formants, gain, table, -1)
        else:
            width = then - place
            scale, loud = (formants, gain) if voiced else (1.0, 1.0)
            add_half(out, given, held, first, place, marks[at], width, scale, loud, table, 1)
            scale, loud = (formants, gain) if follows else (1.0, 1.0)
            add_half(out, given, held, first, then, marks[other], width, scale, loud, table, -1)
        place, at = then, other
