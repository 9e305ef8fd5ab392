"""What a training is built of: the networks, and how they are updated."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from melgan_vc.errors import UserError
from melgan_vc.training.gradients import check_clip
from melgan_vc.training.schedules import Schedule, check_schedule

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Networks:
    """The three networks of the method, built for one AudioSpec and ChunkSpec.

    ``generator_arguments`` are those that the generator's class was given: the bundle builds it again from them.
    """

    generator: nn.Module
    siamese: nn.Module
    discriminator: nn.Module
    generator_arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OptimSettings:
    """How the networks are updated.

    Attributes:
        generator: makes the optimizer of generator and siamese network from their parameters.
        discriminator: makes the discriminator's.
        generator_every: generator and siamese network are updated at every so many batches, the discriminator at all.
        ema_decay: of the generator's moving average; None keeps none.
        batch_norm: "joint", all chunks of a step in one call, or "per_chunk", each position in a window as its own
            batch with its own batch-norm statistics (the authors' notebook, slower).
        log_every: batches between two logged points.
        clip: largest norm of each network's gradient; None, or no entry, sets no limit.
        schedule: the factor of both learning rates at a batch number; None stands for 1.
        augment: what windows (B, M, S·W) go through before the discriminator.
        ema_rampup: the average's half-life is at most this share of its updates so far; None sets no limit.
    """

    generator: MakeOptimizer
    discriminator: MakeOptimizer
    generator_every: int = 3
    ema_decay: float | None = 0.999
    batch_norm: str = "joint"
    log_every: int = 50
    clip: Mapping[str, float | None] = field(default_factory=dict)
    schedule: Schedule | None = None
    augment: Callable[[Tensor], Tensor] | None = None
    ema_rampup: float | None = None

    def __post_init__(self) -> None:
        if self.batch_norm not in ("joint", "per_chunk"):
            raise UserError(f"optim.batch_norm is {self.batch_norm!r}: give joint or per_chunk")
        for name in ("generator_every", "log_every"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise UserError(f"optim.{name} is {getattr(self, name)}: give a whole number above 0")
        check_clip(self.clip)
        if self.schedule is not None:
            check_schedule(self.schedule)
        if self.augment is not None and not callable(self.augment):
            raise UserError(f"optim.augment is {self.augment!r}: give an entry as in conf/stability, or null")
        if self.ema_rampup is not None and self.ema_decay is None:
            raise UserError("optim.ema_rampup is set, but optim.ema_decay is null: give both, or ema_rampup=null")
