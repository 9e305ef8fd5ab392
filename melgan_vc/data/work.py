"""How recordings are prepared, as against what is done to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from melgan_vc.data.preparation import Preparation
from melgan_vc.data.workers import processes
from melgan_vc.errors import UserError


@dataclass(frozen=True)
class Work:
    """How recordings are prepared; nothing of it changes what comes out.

    Attributes:
        workers: processes; "auto" for one each core, or none at all for a few recordings.
        memory_gb: that all of them may take.
        max_failed: the largest share of recordings that may fail.
        shard: "i/n": do the i-th of n parts alone, the others are done elsewhere; None for all that is left.
        progress: show a bar.
    """

    workers: int | str = "auto"
    memory_gb: float = 1.5
    max_failed: float = 0.5
    shard: str | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        processes(self.workers, self.memory_gb, ())
        if isinstance(self.max_failed, bool) or not isinstance(self.max_failed, int | float) or self.max_failed < 0:
            raise UserError(f"prepare.max_failed is {self.max_failed!r}: give a share from 0 to 1")
        self.part  # noqa: B018 (checks it)

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many, from 0."""
        if self.shard is None:
            return 0, 1
        found = re.fullmatch(r"(\d+)/(\d+)", str(self.shard))
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(f"prepare.shard is {self.shard!r}: give i/n, such as 1/4, 2/4, 3/4 and 4/4")
        return int(found[1]) - 1, int(found[2])


def of_settings(settings: Mapping[str, Any]) -> tuple[Preparation, Work]:
    """What is done and how, as ``conf/prepare`` has them together."""
    own = {one.name for one in fields(Preparation)}
    what = {name: value for name, value in settings.items() if name in own}
    how = {name: value for name, value in settings.items() if name not in own}
    return Preparation(**what), Work(**how)
