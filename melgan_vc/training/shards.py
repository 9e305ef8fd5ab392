"""Networks whose weights are spread over the processes of a training (FSDP2), and how to have them whole."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from lightning_utilities import apply_to_collection
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

TEMPLATE = "template"  # of a network in shards: its plain form without weights, as an attribute that is no submodule


def shard(network: nn.Module, mesh: DeviceMesh) -> None:
    """Leave each process its share of a network's weights; they come together for each forward and backward pass."""
    vars(network)[TEMPLATE] = copy.deepcopy(network).to("meta")
    fully_shard(network, mesh=mesh, reshard_after_forward=True)
    if hasattr(network, "encode"):  # the generator's, which losses may call
        register_fsdp_forward_method(network, "encode")


def whole(network: nn.Module) -> nn.Module:
    """A network that each process can use by itself: a copy of one in shards, any other as it is.

    Called by all processes.
    """
    template = vars(network).get(TEMPLATE)
    if template is None:
        return network
    plain: nn.Module = copy.deepcopy(template)
    plain.load_state_dict(
        {name: value.clone() for name, value in whole_state(network.state_dict()).items()}, assign=True
    )
    return plain.train(network.training)


def whole_tensor(tensor: Tensor) -> Tensor:
    """A tensor, all its shards together; called by all processes."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(state: Any) -> Any:
    """Nested state with every tensor whole; called by all processes."""
    return apply_to_collection(state, DTensor, whole_tensor)


def share(tensor: Any, like: Tensor) -> Any:
    """This process's share of a whole tensor, where a weight of the same shape is in shards; anything else as it is."""
    if not isinstance(like, DTensor) or isinstance(tensor, DTensor):
        return tensor
    if not isinstance(tensor, Tensor) or tensor.shape != like.shape:
        return tensor
    found = tensor.to(like.device)
    return distribute_tensor(found, like.device_mesh, like.placements, src_data_rank=None)


def shared_state(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint in the shards that a module has."""
    return {name: share(value, ours[name]) if name in ours else value for name, value in state.items()}


def shared_optimizer_state(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimizer in a checkpoint in the shards that its weights have."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    entries = {
        place: {name: share(value, weights[place]) for name, value in entry.items()}
        for place, entry in state["state"].items()
    }
    return state | {"state": entries}
