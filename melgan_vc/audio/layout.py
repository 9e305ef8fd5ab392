"""Channels of a recording to streams that are converted, and back."""

from dataclasses import dataclass

import numpy as np

from melgan_vc.errors import UserError

POLICIES = ("each", "mono", "mid_side")


@dataclass(frozen=True)
class Layout:
    """A policy for a recording with so many channels.

    Attributes:
        policy: "each" converts each channel by itself; "mono" the mean of all, which all channels then are;
            "mid_side" half the sum and half the difference of two channels, so that what is in the middle stays there.
        channels: (C) of the recording.
        name: of it, for messages.
    """

    policy: str
    channels: int
    name: str = "the recording"

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UserError(f"channels is {self.policy!r}: give one of {', '.join(POLICIES)}")
        if self.policy == "mid_side" and self.channels > 2:
            raise UserError(
                f"{self.name}: holds {self.channels} channels, but mid_side is for two; say channels=each or mono"
            )

    @property
    def streams(self) -> int:
        """(S) that are converted."""
        return 1 if self.policy == "mono" else self.channels

    def apart(self, block: np.ndarray) -> np.ndarray:
        """Channels (N, C) as what is converted: (N, S)."""
        if self.policy == "each" or self.channels == 1:
            return block
        if self.policy == "mono":
            return block.mean(axis=1, keepdims=True)
        return np.stack([block[:, 0] + block[:, 1], block[:, 0] - block[:, 1]], axis=1) / 2

    def together(self, block: np.ndarray) -> np.ndarray:
        """Return converted streams (N, S) as channels (N, C)."""
        if self.policy == "each" or self.channels == 1:
            return block
        if self.policy == "mono":
            return block.repeat(self.channels, axis=1)
        return np.stack([block[:, 0] + block[:, 1], block[:, 0] - block[:, 1]], axis=1)
