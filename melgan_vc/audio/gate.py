"""Silence in, silence out: a gain that is 0 where the source is silent."""

from dataclasses import dataclass, replace
from math import isnan

import torch
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

RELEASE = 0.15  # seconds that the gate stays open after the last frame over the threshold


@dataclass(frozen=True)
class GateState:
    """The state of a gate between two blocks.

    Attributes:
        opened: (T,) 1 where a frame's gate is open, else 0, from the last frame before the next sample on.
        before: (R,) whether each of the last frames before was over the threshold.
        position: samples from the first of those frames to the next sample.
    """

    opened: Tensor
    before: Tensor
    position: int


class Gate:
    """Gains of samples, from levels of the source's frames.

    Args:
        spec: of the frames.
        threshold: in dBFS (root mean square), under which a frame is silent; None leaves the gate open.
    """

    def __init__(self, spec: AudioSpec, threshold: float | None) -> None:
        number = isinstance(threshold, int | float) and not isinstance(threshold, bool) and not isnan(threshold)
        if threshold is not None and not number:
            raise UserError(f"gate_db is {threshold!r}: give a level in dBFS such as -60, or null for no gate")
        self.hop = spec.hop_length
        self.threshold = threshold
        self.release = max(1, round(RELEASE * spec.sample_rate / spec.hop_length))

    def start(self, device: torch.device | None = None) -> GateState:
        """The state before the first frame."""
        nothing = torch.zeros(0, device=device)
        return GateState(nothing, torch.zeros(self.release, device=device), 0)

    def listen(self, state: GateState, level: Tensor) -> GateState:
        """Take levels in dBFS (T,) of the next frames, which must come before the samples under them."""
        if self.threshold is None or not len(level):
            return state
        over = torch.cat([state.before, (level > self.threshold).to(state.before)])
        opened = over.unfold(0, self.release + 1, 1).amax(dim=1)
        return replace(state, opened=torch.cat([state.opened, opened]), before=over[-self.release :])

    def shut(self, state: GateState, samples: Tensor) -> tuple[GateState, Tensor]:
        """The next samples (N,), faded out where the gate is shut; gains run straight from one frame to the next."""
        if self.threshold is None or not len(samples):
            return state, samples
        places = torch.arange(state.position, state.position + len(samples), device=samples.device)
        frames = torch.nn.functional.pad(state.opened[None], (0, 2), mode="replicate")[0]  # after the last frame
        first = (places // self.hop).clamp(max=len(frames) - 2)
        share = ((places - first * self.hop) / self.hop).clamp(max=1)
        gains = torch.lerp(frames[first], frames[first + 1], share)
        after = state.position + len(samples)
        done = min(after // self.hop, len(state.opened))
        return replace(state, opened=state.opened[done:], position=after - done * self.hop), samples * gains
