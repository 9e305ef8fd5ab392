"""The discriminator sees windows only through random changes, so that it cannot learn few recordings by heart."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from melgan_vc.audio.chunks import SILENCE
from melgan_vc.errors import UserError


@dataclass(frozen=True)
class Augment:
    """DiffAugment (arXiv:2006.10738) for mels: the same random changes for real and for translated windows.

    Gradients flow through, so the generator learns under them too. Every item gets its own, drawn by PyTorch's global
    random numbers on the CPU: a checkpoint that keeps those resumes exactly. Strength 0 leaves that change out.

    Args:
        gain: largest constant added or taken, in the mel's unit: 0.1 is 5 dB where [-1, 1] spans 100 dB.
        shift: largest way in time, either direction, as a share of the frames; silence moves in.
        mels: largest band of mel bins that is silenced, as a share of the bins.
        frames: largest stretch that is silenced, as a share of the frames.
    """

    gain: float = 0.1
    shift: float = 0.125
    mels: float = 0.125
    frames: float = 0.125

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            strength = getattr(self, name)
            if not isinstance(strength, int | float) or not 0 <= strength <= 1:
                raise UserError(f"optim.augment.{name} is {strength!r}: give a number from 0, none, to 1")

    def __call__(self, windows: Tensor) -> Tensor:
        """Windows (B, M, S·W) to others of the same shape; what leaves [-1, 1] is cut off."""
        draws = torch.rand(6, len(windows)).to(windows.device, non_blocking=windows.is_cuda)
        if self.gain:
            windows = (windows + self.gain * (2 * draws[0] - 1)[:, None, None]).clamp(-1, 1)
        if self.shift:
            windows = shifted(windows, self.shift, draws[1])
        if self.mels:
            hidden = band(windows.shape[1], self.mels, draws[2], draws[3])
            windows = windows.masked_fill(hidden[:, :, None], SILENCE)
        if self.frames:
            hidden = band(windows.shape[2], self.frames, draws[4], draws[5])
            windows = windows.masked_fill(hidden[:, None, :], SILENCE)
        return windows


def shifted(windows: Tensor, share: float, draw: Tensor) -> Tensor:
    """Windows (B, M, T) moved in time by -share·T to share·T whole frames, as draws (B,) in [0, 1) say."""
    frames = windows.shape[-1]
    most = round(share * frames)
    way = (draw * (2 * most + 1)).floor().long() - most
    origin = torch.arange(frames, device=windows.device) - way[:, None]  # (B, T)
    outside = (origin < 0) | (origin >= frames)
    origin = origin.clamp(0, frames - 1)[:, None, :].expand_as(windows)
    return windows.gather(2, origin).masked_fill(outside[:, None, :], SILENCE)


def band(length: int, share: float, width_draw: Tensor, place_draw: Tensor) -> Tensor:
    """True (B, length) in one stretch of 0 to share·length places, as draws (B,) in [0, 1) say (arXiv:1904.08779)."""
    width = (width_draw * (round(share * length) + 1)).floor()
    start = (place_draw * (length - width + 1)).floor()
    places = torch.arange(length, device=width.device)
    return (places >= start[:, None]) & (places < (start + width)[:, None])
