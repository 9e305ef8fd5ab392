"""Pitch and formants moved block by block: state in, state out."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from melgan_vc.audio.pitch_shift import overlap_add
from melgan_vc.audio.pitch_shift.overlap_add import TAPS, sinc_table
from melgan_vc.audio.pitch_shift.tracking import AHEAD, Track, Tracker
from melgan_vc.spec import PitchShift

SEARCH = 0.15  # share of a period that the next mark may be off by
ENERGY = 0.0005  # seconds to either side that a mark's energy is measured in


@dataclass(frozen=True)
class ShiftState:
    """The state of a waveform between two blocks; places are numbers of samples from its start.

    Attributes:
        held: samples (N,) float32 that are still needed.
        first: place of the first of them.
        received, given: samples that came, and that went, so far.
        track: of the periods.
        periods: (T,) in samples, of the last decided frames; 0 is unvoiced.
        frame: number of the first of these.
        marks, lengths: (K,) places of the last pitch marks, and the period of each; 0 is unvoiced.
        mark: place of the next one.
        onset: whether the mark before it is unvoiced.
        place: of the last grain.
        at: its mark's number in ``marks``.
        out: sums (N,) from ``given`` on, which later grains may add to.
    """

    held: np.ndarray
    first: int
    received: int
    given: int
    track: Track
    periods: np.ndarray
    frame: int
    marks: np.ndarray
    lengths: np.ndarray
    mark: int
    onset: bool
    place: float
    at: int
    out: np.ndarray


class PitchShifter:
    """Moves pitch and formants of a voice by TD-PSOLA (Moulines and Charpentier, 1990).

    Grains of two periods around pitch marks are resampled by the factor of the formants, which moves the spectrum's
    envelope, and put as far apart as the new pitch has it, each taken from the mark that is nearest in time. So the
    result is aligned with its source. Unvoiced sound is copied as it is, sample by sample.

    The same samples come out whatever the sizes of the blocks, and as many as came in.

    Args:
        shift: the factors.
        sample_rate: in Hz.

    Attributes:
        delay: samples that must be known after a sample before it is given.
    """

    def __init__(self, shift: PitchShift, sample_rate: int) -> None:
        self.shift = shift
        self.tracker = tracker = Tracker(sample_rate)
        self.energy = max(1, round(ENERGY * sample_rate))
        self.table = sinc_table(min(1.0, 1.0 / shift.formants))
        longest = tracker.longest
        # To decide a period, to find the mark after it, and to know the grain after that.
        heard = tracker.reach + (AHEAD + 1) * tracker.hop
        self.delay = heard + math.ceil((1 + SEARCH + max(1 / shift.ratio, 1 / shift.formants)) * longest)
        self.behind = math.ceil((3 + 2 / shift.ratio + shift.formants / shift.ratio) * longest) + TAPS + tracker.reach

    def start(self) -> ShiftState:
        """The state before the first sample."""
        hop = self.tracker.hop
        return ShiftState(
            held=np.zeros(self.behind, np.float32),
            first=-self.behind,
            received=0,
            given=0,
            track=self.tracker.start(),
            periods=np.zeros(0),
            frame=0,
            marks=np.array([-hop]),
            lengths=np.zeros(1),
            mark=0,
            onset=True,
            place=float(-hop),
            at=0,
            out=np.zeros(0),
        )

    def step(self, state: ShiftState, samples: np.ndarray) -> tuple[ShiftState, np.ndarray]:
        """Take samples (N,) float32; gives those that are ready: all but the last ``delay`` of what came."""
        held = np.concatenate([state.held, np.asarray(samples, np.float32)])
        received = state.received + len(samples)
        tracker = self.tracker
        frames = max(0, (received - 1 - tracker.reach) // tracker.hop + 1 - state.track.frames)
        track, decided = tracker.step(state.track, held, state.first, frames)
        periods = np.concatenate([state.periods, decided])
        marks, lengths, mark, onset = overlap_add.mark(
            held, state.first, periods, state.frame, tracker.hop, self.energy, SEARCH,
            state.marks, state.lengths, state.mark, state.onset,
        )  # fmt: skip
        out = np.zeros(max(len(state.out), received + tracker.longest - state.given))
        out[: len(state.out)] = state.out
        place, at = overlap_add.add(
            held, state.first, marks, lengths, self.shift.ratio, self.shift.formants, self.table,
            state.place, state.at, out, state.given,
        )  # fmt: skip
        ready = max(0, received - self.delay - state.given)
        keep = min(int(marks[at]), int(place), mark) - self.behind + tracker.reach
        keep = min(keep, track.frames * tracker.hop - tracker.reach)
        drop = max(0, keep - state.first)
        old = max(0, min(round(mark / tracker.hop) - 1 - state.frame, len(periods)))
        after = ShiftState(
            held[drop:], state.first + drop, received, state.given + ready, track, periods[old:], state.frame + old,
            marks[at:], lengths[at:], mark, onset, place, 0, out[ready:],
        )  # fmt: skip
        return after, out[:ready].astype(np.float32)

    def end(self, state: ShiftState) -> np.ndarray:
        """Return the last samples; with them there are as many as came."""
        _, last = self.step(state, np.zeros(self.delay, np.float32))
        return last

    def blocks(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Give a waveform that comes in blocks (N,), moved, in other blocks."""
        state = self.start()
        for block in blocks:
            state, out = self.step(state, block)
            yield out
        yield self.end(state)
