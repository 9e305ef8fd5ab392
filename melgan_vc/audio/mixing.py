"""Back to sound by both: low frequencies from the translated mel alone, high ones from the filtered source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from melgan_vc.audio.filtering import Filter
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.inversion import BLOCK_SECONDS, number
from melgan_vc.audio.synthesis import Piece, Steps, Synthesis
from melgan_vc.spec import AudioSpec


class Mixed(Synthesis):
    """Griffin-Lim below a frequency, where harmonics tell voices apart, and filtering above, where phases are noise.

    The bands are parted by a linear-phase low pass whose half is a hop, so that they add up to what they were where
    both methods agree.

    Args:
        spec: the front end of the mels.
        frequency: in Hz, where both are equally loud; below half the sample rate.
        iterations, block_seconds, seed: see :class:`melgan_vc.audio.griffin_lim.GriffinLim`.
        bins, frames, limit_db: see :class:`melgan_vc.audio.filtering.Filter`.
    """

    low_pass: Tensor

    def __init__(
        self,
        spec: AudioSpec,
        frequency: float = 2000.0,
        iterations: int = 48,
        bins: int = 13,
        frames: int = 3,
        limit_db: float = 40.0,
        block_seconds: float = BLOCK_SECONDS,
        seed: int = 0,
    ) -> None:
        super().__init__(spec)
        number("frequency", frequency, above=0, below=spec.sample_rate / 2)
        self.low = GriffinLim(spec, iterations, block_seconds=block_seconds, seed=seed)
        self.high = Filter(spec, bins, frames, limit_db)
        self.reach = spec.hop_length
        places = torch.arange(-self.reach, self.reach + 1, dtype=torch.float64)
        taps = torch.sinc(2 * frequency / spec.sample_rate * places)
        taps *= torch.hann_window(len(taps) + 2, periodic=False, dtype=torch.float64)[1:-1]
        self.register_buffer("low_pass", (taps / taps.sum()).float(), persistent=False)

    def in_blocks(self, frames: int | None = None) -> "MixedSteps":
        """Return both methods piece by piece, see there."""
        return MixedSteps(self, self.low.in_blocks(frames), self.high.in_blocks(frames))

    @torch.no_grad()
    def synthesise(self, piece: Piece) -> Tensor:
        """Return the sound (N,) of a whole recording, given as one piece."""
        steps = self.in_blocks()
        (state,), (sound,) = steps.step([steps.start(piece.source.device)], [piece])
        found = torch.cat([sound, *steps.end([state])])[: len(piece.source)]
        return nn.functional.pad(found, (0, len(piece.source) - len(found)))

    def forward(self, mel: Tensor, samples: int | None = None) -> Tensor:
        """Refuse a mel alone, see :meth:`melgan_vc.audio.filtering.Filter.forward`."""
        return self.high(mel, samples)


@dataclass(frozen=True)
class MixedState:
    """The state of one recording between two pieces.

    Attributes:
        low, high: states of both methods.
        lows, highs: (N,), (N',) samples of both, from the first on that the low pass needs for the next one.
    """

    low: Any
    high: Any
    lows: Tensor
    highs: Tensor


class MixedSteps:
    """Both methods for recordings that come piece by piece.

    Args:
        method: how they are mixed.
        low, high: its methods piece by piece.
    """

    def __init__(self, method: Mixed, low: Steps, high: Steps) -> None:
        self.method, self.low, self.high = method, low, high
        self.reach = method.reach
        self.lookahead = max(low.lookahead, high.lookahead) + self.reach

    def start(self, device: torch.device | None = None) -> MixedState:
        """Return the state before the first piece."""
        silence = torch.zeros(self.reach, device=device)
        return MixedState(self.low.start(device), self.high.start(device), silence, silence)

    def step(self, states: Sequence[MixedState], pieces: Sequence[Piece]) -> tuple[list[MixedState], list[Tensor]]:
        """Take a piece of each recording; return new states, and the samples (N,) that are known now."""
        low_states, low_sounds = self.low.step([state.low for state in states], pieces)
        high_states, high_sounds = self.high.step([state.high for state in states], pieces)
        sounds = zip(states, low_sounds, high_sounds, strict=True)
        mixed = [self.mixed(state.lows, state.highs, *sound) for state, *sound in sounds]
        left = [
            MixedState(low, high, lows, highs)
            for low, high, (lows, highs, _) in zip(low_states, high_states, mixed, strict=True)
        ]
        return left, [sound for _, _, sound in mixed]

    def end(self, states: Sequence[MixedState]) -> list[Tensor]:
        """Return the last samples (N,) of each recording; there may be some more than the source has."""
        lows, highs = self.low.end([state.low for state in states]), self.high.end([state.high for state in states])
        after = (0, self.reach)
        return [
            self.mixed(state.lows, state.highs, nn.functional.pad(low, after), nn.functional.pad(high, after))[2]
            for state, low, high in zip(states, lows, highs, strict=True)
        ]

    def mixed(self, lows: Tensor, highs: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mix what both methods gave by now.

        Args:
            lows, highs: (N,), (N',) samples that were left.
            low, high: (L,), (L',) samples that come after them.

        Returns:
            Samples of both methods that are left, and those (K,) that are mixed.
        """
        lows, highs = torch.cat([lows, low]), torch.cat([highs, high])
        both = min(len(lows), len(highs))
        count = both - 2 * self.reach
        if count <= 0:
            return lows, highs, lows[:0]
        difference = (lows[:both] - highs[:both])[None, None]
        change = nn.functional.conv1d(difference, self.method.low_pass[None, None])[0, 0]
        return lows[count:], highs[count:], highs[self.reach : self.reach + count] + change
