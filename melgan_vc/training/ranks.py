"""The processes of one training: which one this is, and what they must agree on.

Alone, every function gives back what it was given, at no cost.
"""

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning.pytorch.plugins.environments import ClusterEnvironment, SLURMEnvironment, TorchElasticEnvironment
from torch import Tensor

from melgan_vc.errors import UserError

T = TypeVar("T")


class PeerLostError(UserError):
    """Another process of the training is gone."""


PATIENCE = timedelta(minutes=60)  # the others wait for the first one's validations


def environment() -> ClusterEnvironment | None:
    """What started this process as one of several: torchrun, our own launcher or srun; None if it is alone."""
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if "SLURM_NTASKS" in os.environ and SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) > 1:
        return SLURMEnvironment(auto_requeue=False)  # Lightning's own requeue saves in the middle of a batch
    return None


@contextmanager
def joined(found: ClusterEnvironment | None) -> Iterator[None]:
    """Be connected to the other processes of a training while the body runs.

    Raises:
        PeerLostError: one of them is gone.
    """
    if found is None:
        yield
        return
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = found.main_address, str(found.main_port)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, rank=found.global_rank(), world_size=found.world_size(), timeout=PATIENCE)
    try:
        yield
        barrier()  # nobody leaves while another still works
    except (dist.DistError, RuntimeError) as error:
        if not is_of_connection(error):
            raise
        raise PeerLostError(
            "another process of this training ended; its own error is above; resume=auto goes on"
        ) from error
    finally:
        gc.collect()  # a training's own groups end here, not while Python itself ends
        dist.destroy_process_group()


def is_of_connection(error: Exception) -> bool:
    """Whether an error says that another process cannot be reached."""
    return isinstance(error, dist.DistError) or any(word in str(error).lower() for word in ("gloo", "nccl"))


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This one's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def barrier() -> None:
    """Wait for all."""
    agreed(0)


def agreed(*values: float) -> list[float]:
    """The largest that any process gives, one by one: a decision that all take together."""
    if world() == 1:
        return list(values)
    together = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(together, dist.ReduceOp.MAX)
    return together.tolist()


def averaged(values: list[float]) -> list[float]:
    """The mean over all processes, one by one."""
    if world() == 1:
        return values
    together = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(together)
    return (together / world()).tolist()


@torch.no_grad()
def average_(tensors: Iterable[Tensor]) -> None:
    """Make each of these floating-point tensors, on one device, its mean over all processes."""
    found = list(tensors) if world() > 1 else []  # to go through a module's buffers takes longer than one would think
    if not found:
        return
    together = torch.cat([tensor.float().flatten() for tensor in found])
    dist.all_reduce(together)
    together /= world()
    for tensor, mean in zip(found, together.split([tensor.numel() for tensor in found]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def from_first(value: T) -> T:
    """What the first process has."""
    if world() == 1:
        return value
    held = [value]
    dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
    return held[0]


def gathered(value: T) -> list[T]:
    """What each process has, in order."""
    if world() == 1:
        return [value]
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, value)
    return found
