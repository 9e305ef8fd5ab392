"""Mels that lie in a GPU's memory as a whole, so that no window is sent there any more."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from melgan_vc.data.dataset import RandomWindows
from melgan_vc.errors import UserError

SHARE = 0.5  # of a GPU's free memory that mels may take


class ResidentWindows:
    """Windows that are cut where all arrays lie.

    Args:
        windows: that are drawn.
        device: that holds the arrays.
    """

    def __init__(self, windows: RandomWindows, device: torch.device) -> None:
        self.windows = windows
        shards = np.unique(windows.shards).tolist()
        lengths = [len(windows.arrays[shard]) for shard in shards]
        self.firsts = dict(zip(shards, np.cumsum([0, *lengths[:-1]]).tolist(), strict=True))
        self.frames = torch.empty(sum(lengths), windows.arrays[shards[0]].shape[1], dtype=torch.float16, device=device)
        for shard, length in zip(shards, lengths, strict=True):
            first = self.firsts[shard]
            self.frames[first : first + length] = torch.from_numpy(np.array(windows.arrays[shard]))
        self.steps = torch.arange(windows.window, device=device)

    def take(self, numbers: Sequence[int]) -> Tensor:
        """See :meth:`RandomWindows.take`."""
        starts = torch.tensor([self.firsts[shard] + start for shard, start in self.windows.drawn_places(numbers)])
        return self.frames[starts.to(self.frames.device, non_blocking=True)[:, None] + self.steps]


def home(wanted: bool | str, device: torch.device, values: int, elsewhere: bool) -> torch.device | None:
    """The GPU that is to hold all mels; None where they stay mapped.

    Args:
        wanted: true, false, or "auto" for where it can be.
        device: of the training.
        values: of all mels, in float16.
        elsewhere: windows are made by other processes or out of shards.

    Raises:
        UserError: it is wanted, and cannot be.
    """
    if not wanted or device.type != "cuda" or elsewhere:
        if wanted is True:
            raise UserError("data.on_device is true: that takes a GPU, data.workers=0 and no shards; say auto or false")
        return None
    needed, (free, _) = 2 * values, torch.cuda.mem_get_info(device)
    if needed <= SHARE * free:
        return device
    if wanted is True:
        raise UserError(
            f"data.on_device is true: the mels take {needed / 1e9:.1f} GB, and {device} has {free / 1e9:.1f} GB free, "
            "half of them for mels; say auto"
        )
    return None
