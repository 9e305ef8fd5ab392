"""Live conversion of what a device or a pipe gives: its rate and channels, and how well the computing kept up."""

import time
from dataclasses import dataclass

import numpy as np
import soxr
import torch

from melgan_vc.audio.cleaning import clean
from melgan_vc.audio.layout import Layout
from melgan_vc.inference.live import LiveSteps
from melgan_vc.text import counted

FINEST = 1e-4  # seconds that computing times are counted to
LONGEST = 10.0  # and up to


class Clock:
    """Computing times of blocks, and how often a listener would have had to wait.

    Args:
        slack: seconds that playing is behind what could be played.
    """

    def __init__(self, slack: float) -> None:
        self.slack = slack
        self.counts = np.zeros(round(LONGEST / FINEST) + 1, np.int64)
        self.behind = 0.0  # seconds that computing is behind what comes in
        self.dropouts = 0
        self.seconds = 0.0

    @property
    def blocks(self) -> int:
        """Blocks that were counted."""
        return int(self.counts.sum())

    def note(self, spent: float, lasts: float) -> None:
        """Count a block that took so long to compute, and lasts so long."""
        self.counts[min(int(spent / FINEST), len(self.counts) - 1)] += 1
        self.seconds += lasts
        self.behind = max(0.0, self.behind + spent - lasts)
        if self.behind > self.slack:
            self.dropouts += 1
            self.behind = 0.0  # the listener has waited for it

    def percentile(self, share: float) -> float:
        """Seconds that this share of the blocks took at most."""
        reached = np.searchsorted(self.counts.cumsum(), share * max(1, self.blocks))
        return float(reached + 1) * FINEST


@dataclass(frozen=True)
class Settings:
    """Settings of a session.

    Attributes:
        sample_rate: of what comes in and goes out, in Hz.
        channels: (C); their mean is converted, and each gets the result.
        block: samples that come at a time.
        gain_db: that the result is turned up by.
    """

    sample_rate: int
    channels: int
    block: int
    gain_db: float = 0.0


class Session:
    """Blocks (N, C) in, blocks of other sizes out, as many samples in all.

    Args:
        steps: at the model's rate.
        settings: of the session.
    """

    def __init__(self, steps: LiveSteps, settings: Settings) -> None:
        self.steps = steps
        self.settings = settings
        self.layout = Layout("mono", settings.channels)
        self.gain = 10 ** (settings.gain_db / 20)
        self.clock = Clock(self.block_seconds)
        self.begin()

    @property
    def block_seconds(self) -> float:
        """Duration of a block in seconds."""
        return self.settings.block / self.settings.sample_rate

    @property
    def latency(self) -> float:
        """Seconds that the result lags behind, for what is to come must be known; without computing and devices."""
        ours, theirs = self.steps.spec.sample_rate, self.settings.sample_rate
        delay = 0.0 if ours == theirs else self.resamplers_delay()
        return self.steps.latency / ours + delay

    def resamplers_delay(self) -> float:
        """Seconds that both resamplers hold back, as they say themselves after a second of silence."""
        ours, theirs = self.steps.spec.sample_rate, self.settings.sample_rate
        delay = 0.0
        for one, other in ((theirs, ours), (ours, theirs)):
            resampler = soxr.ResampleStream(one, other, 1, dtype="float32")
            resampler.resample_chunk(np.zeros((one, 1), np.float32))
            delay += resampler.delay() / other
        return delay

    def begin(self) -> None:
        """Start at silence; what is loaded or compiled at the first block is so now."""
        ours, theirs = self.steps.spec.sample_rate, self.settings.sample_rate
        self.inward = soxr.ResampleStream(theirs, ours, 1, dtype="float32")
        self.outward = soxr.ResampleStream(ours, theirs, 1, dtype="float32")
        state, _ = self.steps.step(self.steps.start(), torch.zeros(2 * self.steps.latency))
        self.steps.end(state)
        self.state = self.steps.start()
        self.given = self.got = self.replaced = 0

    def step(self, block: np.ndarray) -> np.ndarray:
        """Take samples (N, C); gives those (N', C) that are ready.

        What is no sound in them (NaN, infinity, far over full scale) is replaced by silence, sample by sample, so that
        nothing of it is left in what comes after.
        """
        start = time.perf_counter()
        block, replaced = clean(block)
        self.replaced += replaced
        ours = self.resampled(self.inward, self.layout.apart(block))
        self.state, heard = self.steps.step(self.state, torch.from_numpy(ours[:, 0]))
        out = self.resampled(self.outward, heard.samples.numpy()[:, None])
        self.given += len(block)
        self.clock.note(time.perf_counter() - start, len(block) / self.settings.sample_rate)
        return self.finished(out)

    def end(self) -> np.ndarray:
        """The last samples (N, C)."""
        if not self.given:
            return np.zeros((0, self.settings.channels), np.float32)
        ours = self.resampled(self.inward, np.zeros((0, 1), np.float32), last=True)
        self.state, heard = self.steps.step(self.state, torch.from_numpy(ours[:, 0]))
        sounds = torch.cat([heard.samples, self.steps.end(self.state).samples])
        out = self.resampled(self.outward, sounds.numpy()[:, None], last=True)
        left = self.given - self.got
        return self.finished(np.pad(out[:left], ((0, max(0, left - len(out))), (0, 0))))

    def resampled(self, resampler: soxr.ResampleStream, block: np.ndarray, last: bool = False) -> np.ndarray:
        """Samples (N, 1) at the other rate."""
        if self.steps.spec.sample_rate == self.settings.sample_rate:
            return block
        return resampler.resample_chunk(np.ascontiguousarray(block, np.float32), last=last)

    def finished(self, out: np.ndarray) -> np.ndarray:
        """Samples (N, 1) as they are heard: (N, C)."""
        self.got += len(out)
        return self.layout.together(np.clip(np.nan_to_num(out) * self.gain, -1, 1))

    def report(self) -> str:
        """One line on how it went."""
        clock, block = self.clock, 1000 * self.block_seconds
        p50, p99 = (1000 * clock.percentile(share) for share in (0.5, 0.99))
        bad = counted(self.replaced, "sample was", "samples were")
        replaced = f"; {bad} no sound and replaced by silence" if self.replaced else ""
        return (
            f"{clock.seconds:.1f} s in blocks of {block:.0f} ms: computing p50 {p50:.1f} ms, p99 {p99:.1f} ms "
            f"({100 * p99 / block:.0f} % of a block), {clock.dropouts} drop-outs{replaced}"
        )
