"""How one training uses several processes; ``conf/strategy`` names each."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import nn
from torch.optim import Optimizer

from melgan_vc.errors import UserError
from melgan_vc.training import ranks
from melgan_vc.training.shards import shared_optimizer_state, shared_state, whole_state


def single() -> None:
    """One process on one device."""
    return


def ddp(**settings: Any) -> DDPStrategy:
    """A copy of the networks in each process; gradients are averaged.

    Not all parameters take part in each backward pass, for each updates one group of networks. Batch norms' statistics
    are averaged by the module, not overwritten by the first process's.
    """
    return DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, timeout=ranks.PATIENCE, **settings)


def fsdp2() -> "FullySharded":
    """A share of each weight, of its gradient and of its optimizer's state in each process."""
    return FullySharded(ranks.world())


class FullySharded(ModelParallelStrategy):
    """Lightning's FSDP2, with checkpoints as one process writes and reads them.

    Lightning's own loading takes a file's weights before the module can look at them.

    Args:
        processes: that share the networks; the module cuts them in its ``configure_model``.
    """

    def __init__(self, processes: int) -> None:
        super().__init__(processes, 1, save_distributed_checkpoint=False, timeout=ranks.PATIENCE)

    @property
    def lightning_restore_optimizer(self) -> bool:
        return True

    @property
    def networks(self) -> nn.Module:
        assert self.lightning_module is not None
        return self.lightning_module

    def lightning_module_state_dict(self) -> dict[str, Any]:
        return whole_state(self.networks.state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        return whole_state(optimizer.state_dict())

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        return self.checkpoint_io.load_checkpoint(checkpoint_path, weights_only=weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        state = shared_state(checkpoint["state_dict"], self.networks.state_dict())
        self.networks.load_state_dict(state, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(shared_optimizer_state(state, optimizer))


def refused(name: str, reason: str) -> None:
    """A strategy that is known not to work here."""
    raise UserError(f"strategy={name}: {reason}; give strategy=ddp or fsdp2")
