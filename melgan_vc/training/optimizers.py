"""What is set on the optimizers from outside: rates and the config's values."""

from collections.abc import Iterable

from torch.optim import Optimizer


def set_rates(optimizers: Iterable[Optimizer], factor: float) -> None:
    """Make each learning rate ``factor`` times the one that the optimizer was built with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] * factor


def restore_settings(optimizers: Iterable[Optimizer]) -> None:
    """Make the values that the optimizers were built with win over those of a checkpoint; their state stays."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group.update(optimizer.defaults)
