"""How one training uses several processes; ``conf/strategy`` names each."""

from typing import Any

from lightning.pytorch.strategies import DDPStrategy

from melgan_vc.errors import UserError
from melgan_vc.training.ranks import PATIENCE


def single() -> None:
    """One process on one device."""
    return


def ddp(**settings: Any) -> DDPStrategy:
    """A copy of the networks in each process; gradients are averaged.

    Not all parameters take part in each backward pass, for each updates one group of networks. Batch norms' statistics
    are averaged by the module, not overwritten by the first process's.
    """
    return DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, timeout=PATIENCE, **settings)


def refused(name: str, reason: str) -> None:
    """A strategy that is known not to work here."""
    raise UserError(f"strategy={name}: {reason}; give strategy=ddp")
