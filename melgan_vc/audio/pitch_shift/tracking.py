"""The period of a voice frame by frame, a few frames after it was heard: correlation and a short Viterbi search.

As in RAPT (Talkin, 1995), but both pieces that are compared lie around the middle of the frame, and the path is
followed back by a fixed number of frames.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from melgan_vc.audio.compiled import compiled

LOWEST_F0, HIGHEST_F0 = 65.0, 450.0  # Hz
FRAME = 0.005  # seconds from one frame to the next
PIECE = 0.02  # seconds that are compared with what is a period later
AHEAD = 3  # frames that are heard before one is decided
MOST = 5  # periods that are considered for a frame
TRACKED_RATE = 4000  # Hz, about: enough for the periods of a voice
CUTOFF = 1000.0  # Hz, over which nothing is compared
FAINT = 1e-7  # energy of a piece under which correlations fade
PEAK = 0.3  # correlation that a period must have to be considered
VOICED = 0.5  # correlation from which a frame is voiced, about
SWITCH = 0.25  # cost of a change between voiced and unvoiced
JUMP = 0.9  # cost of a change of the period by an octave
LONG = 0.08  # cost of a period of twice the length, which fits as well
FEWEST_VOICED = 50  # frames that a voice can be told from
exact = partial(compiled, fastmath=False)  # for the same samples in any blocks


@dataclass(frozen=True)
class Track:
    """The state of the tracker after some frames.

    Attributes:
        costs: (MOST + 1,) of the best path to each candidate of the last frame; the first one is "unvoiced".
        periods: (AHEAD + 1, MOST + 1) of the candidates of the last frames in steps, the last frame first; 0 is
            unvoiced.
        before: (AHEAD + 1, MOST + 1) the candidate of the frame before that each came from.
        count: candidates of the last frame.
        frames: heard so far.
    """

    costs: np.ndarray
    periods: np.ndarray
    before: np.ndarray
    count: int
    frames: int


class Tracker:
    """Tracks the period of a voice.

    Args:
        sample_rate: in Hz.

    Attributes:
        hop: samples from one frame to the next.
        reach: samples that a frame reaches to either side of its middle.
        longest: samples of the longest period.
    """

    def __init__(self, sample_rate: int) -> None:
        self.every = max(1, sample_rate // TRACKED_RATE)  # samples of which one is used
        rate = sample_rate / self.every
        self.hop = max(1, round(FRAME * sample_rate))
        self.lowest, self.highest = max(2, int(rate / HIGHEST_F0)), math.ceil(rate / LOWEST_F0)
        self.piece = max(4, round(PIECE * rate))
        self.half = self.highest // 2 + self.piece // 2 + 2
        self.taps = low_pass(self.every, CUTOFF / sample_rate)
        self.reach = self.every * self.half + len(self.taps) // 2
        self.longest = (self.highest + 1) * self.every

    def start(self) -> Track:
        """The state before the first frame."""
        costs, periods = np.zeros(MOST + 1), np.zeros((AHEAD + 1, MOST + 1))
        return Track(costs, periods, np.zeros((AHEAD + 1, MOST + 1), np.int64), 1, 0)

    def step(self, track: Track, held: np.ndarray, first: int, count: int) -> tuple[Track, np.ndarray]:
        """Hear frames.

        Args:
            track: the state before them.
            held: samples (N,) float32.
            first: number of the first of them.
            count: frames to hear; ``held`` has all samples that they reach.

        Returns:
            The state after them, and the periods (T,) of the frames that are decided by now, ``AHEAD`` frames before
            those; in samples, 0 where a frame is unvoiced.
        """
        middles = np.arange(track.frames, track.frames + count) * self.hop - first
        correlation = np.zeros((count, self.highest - self.lowest + 1))
        correlate(held, middles, self.taps, self.every, self.half, self.lowest, self.piece, correlation)
        costs, periods, before = track.costs.copy(), track.periods.copy(), track.before.copy()
        decided = np.zeros(count)
        last = follow(correlation, self.lowest, costs, periods, before, track.count, decided)
        ready = min(count, max(0, track.frames + count - AHEAD))
        return Track(costs, periods, before, last, track.frames + count), decided[count - ready :] * self.every


class F0Meter:
    """The median F0 of a waveform that comes in blocks.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.rate = sample_rate
        self.tracker = Tracker(sample_rate)
        self.track = self.tracker.start()
        self.held = np.zeros(self.tracker.reach, np.float32)
        self.periods: list[np.ndarray] = []

    def push(self, block: np.ndarray) -> None:
        """Take samples (N,)."""
        tracker, heard = self.tracker, self.track.frames
        first = heard * tracker.hop - tracker.reach
        self.held = np.concatenate([self.held, np.asarray(block, np.float32)])
        frames = max(0, (len(self.held) - 1 - 2 * tracker.reach) // tracker.hop + 1)
        self.track, periods = tracker.step(self.track, self.held, first, frames)
        self.held = self.held[frames * tracker.hop :]
        self.periods.append(periods[periods > 0].astype(np.float32))

    @property
    def median(self) -> float | None:
        """Return the median over voiced frames, in Hz; None where there are few."""
        periods = np.concatenate([*self.periods, np.zeros(0, np.float32)])
        return None if len(periods) < FEWEST_VOICED else float(self.rate / np.median(periods))


def low_pass(every: int, cutoff: float) -> np.ndarray:
    """Return a filter (L,) for taking every so manyth sample; ``cutoff`` is a share of the sample rate."""
    if every == 1:
        return np.ones(1)
    places = np.arange(-4 * every, 4 * every + 1)
    taps = np.sinc(2 * cutoff * places) * np.hamming(len(places))
    return np.asarray(taps / taps.sum())


@exact
def correlate(held, middles, taps, every, half, lowest, piece, out):  # type: ignore[no-untyped-def]
    low = np.zeros(2 * half + 1)
    for frame in range(len(middles)):
        for one in range(2 * half + 1):
            start = middles[frame] + (one - half) * every - len(taps) // 2
            total = 0.0
            for tap in range(len(taps)):
                total += taps[tap] * held[start + tap]
            low[one] = total
        for place in range(out.shape[1]):
            lag = lowest + place
            left = half - lag // 2 - piece // 2
            product, before, after = 0.0, FAINT, FAINT
            for one in range(left, left + piece):
                product += low[one] * low[one + lag]
                before += low[one] * low[one]
                after += low[one + lag] * low[one + lag]
            out[frame, place] = product / math.sqrt(before * after)


@exact
def peaks(correlation, lowest, periods, heights):  # type: ignore[no-untyped-def]
    count = 0
    for place in range(1, len(correlation) - 1):
        left, middle, right = correlation[place - 1], correlation[place], correlation[place + 1]
        if middle <= PEAK or middle < left or middle <= right:
            continue
        off = 0.5 * (left - right) / (left - 2 * middle + right)
        height = middle - 0.25 * (left - right) * off
        at = count
        if count == len(heights):
            at = int(np.argmin(heights))
            if heights[at] >= height:
                continue
        else:
            count += 1
        periods[at], heights[at] = lowest + place + off, height
    return count


@exact
def follow(correlation, lowest, costs, periods, before, known, decided):  # type: ignore[no-untyped-def]
    most = len(costs) - 1
    found, heights = np.zeros(most), np.zeros(most)
    local, total = np.zeros(most + 1), np.zeros(most + 1)
    for frame in range(len(correlation)):
        heights[:] = 0
        count = peaks(correlation[frame], lowest, found, heights)
        best = heights.max()
        local[0] = max(0.0, best - VOICED)
        for one in range(count):
            local[one + 1] = (
                max(0.0, VOICED - heights[one]) + best - heights[one] + LONG * math.log2(found[one] / lowest)
            )
        for row in range(len(periods) - 1, 0, -1):
            periods[row], before[row] = periods[row - 1], before[row - 1]
        periods[0] = 0
        periods[0, 1 : count + 1] = found[:count]
        before[0] = 0
        for one in range(count + 1):
            least = np.inf
            for other in range(known):
                here, there = periods[0, one], periods[1, other]
                change = 0.0
                if here > 0 and there > 0:
                    change = JUMP * abs(math.log2(here / there))
                elif here > 0 or there > 0:
                    change = SWITCH
                if costs[other] + change < least:
                    least, before[0, one] = costs[other] + change, other
            total[one] = least + local[one]
        least = total[: count + 1].min()
        for one in range(count + 1):
            costs[one] = total[one] - least
        known = count + 1
        at = int(np.argmin(costs[:known]))
        for row in range(len(periods) - 1):
            at = before[row, at]
        decided[frame] = periods[len(periods) - 1, at]
    return known
