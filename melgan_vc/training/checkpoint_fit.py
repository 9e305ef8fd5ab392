"""Whether a checkpoint fits the training that is to resume from it: the networks, the optimizers, the callbacks."""

import copy
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor, is_tensor
from torch.optim import Optimizer

from melgan_vc.training.checkpoint_checks import check_that, entry
from melgan_vc.training.module import MelganVC


def check_other_weights(state: Mapping[str, Tensor], ours: Mapping[str, Tensor]) -> None:
    """Refuse weights of another shape or kind than the module's; those that only one of them has may be left.

    Raises:
        ValueError: they do not fit.
    """
    for name in sorted(state.keys() & ours.keys()):
        theirs, own = state[name], ours[name]
        if theirs.shape != own.shape or theirs.is_floating_point() != own.is_floating_point():
            raise ValueError(f"state_dict: {name:.60} is {tuple(theirs.shape)} of {theirs.dtype}")


def check_optimizers(states: list[dict[str, Any]], module: MelganVC) -> None:
    """Refuse states that the module's optimizers could not step with.

    Raises:
        ValueError: they do not fit.
    """
    with entry("optimizer_states"):
        optimizers = module.configure_optimizers()
        check_that(len(states) == len(optimizers), f"there are {len(states)}, and {len(optimizers)} optimizers")
        for state, optimizer in zip(states, optimizers, strict=True):
            check_optimizer(state, optimizer)


def check_optimizer(state: dict[str, Any], optimizer: Optimizer) -> None:
    """Refuse the state of another optimizer, or of other weights.

    Raises:
        ValueError: it is one.
    """
    theirs = [group["params"] for group in state["param_groups"]]
    own = [group["params"] for group in optimizer.state_dict()["param_groups"]]
    check_that(theirs == own, "is of other weights")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    wanted = step_state(optimizer)
    for place, values in state["state"].items():
        check_that(0 <= place < len(weights), "is of other weights")
        lacking = wanted.keys() - values.keys()
        check_that(not values or not lacking, f"has no {', '.join(sorted(map(str, lacking)))}")
        for name in wanted.keys() & values.keys():
            check_value(name, values[name], wanted[name], weights[place])


def check_value(name: str, value: Any, wanted: Any, weight: Tensor) -> None:
    """Refuse a value of a weight's state that is of another kind than ``wanted``, from a step with a weight (2, 3)."""
    if not isinstance(wanted, Tensor):
        check_that(is_tensor(value) or isinstance(value, int | float | None), f"{name} is no number")
        return
    check_that(isinstance(value, Tensor) and value.is_floating_point(), f"{name} is no tensor")
    if wanted.ndim == 0:
        check_that(value.ndim == 0 and 0 <= float(value) < float("inf"), f"{name} is no count")
    elif wanted.shape == (2, 3):
        check_that(value.shape == weight.shape, f"{name} is {tuple(value.shape)}, {tuple(weight.shape)} expected")


def step_state(optimizer: Optimizer) -> dict[str, Any]:
    """Find what an optimizer of this kind keeps of a weight, by one step with another of the same settings."""
    weight = torch.zeros(2, 3, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    kind: Any = type(optimizer)
    taken = inspect.signature(kind).parameters
    try:
        trial = kind([weight], **{name: value for name, value in optimizer.defaults.items() if name in taken})
        trial.step()
    except Exception:  # of a class that wants other arguments: its state is then not checked
        return {}
    return dict(trial.state[weight])


def check_callbacks(states: Mapping[str, Any], callbacks: Iterable[L.Callback]) -> None:
    """Refuse states that the callbacks could not go on with, by trying them on copies.

    Raises:
        ValueError: they do not fit.
    """
    for callback in callbacks:
        state = states.get(callback.state_key)
        if state is not None:
            with entry(f"callbacks: {callback.state_key:.60}"):
                trial = copy.copy(callback)
                trial.load_state_dict(copy.deepcopy(state))
                check_kind(trial.state_dict(), callback.state_dict())


def check_kind(value: Any, like: Any) -> None:
    """Refuse a value of another type than one that is known to be right.

    Raises:
        ValueError: it is.
    """
    if isinstance(like, dict):
        check_that(isinstance(value, dict) and value.keys() == like.keys(), "has other entries")
        for name in like:
            check_kind(value[name], like[name])
    elif isinstance(like, int | float):  # a float may have been a whole number
        kinds = (int, float) if type(like) is float else (type(like),)
        check_that(type(value) in kinds, f"{value!r:.40} is no {type(like).__name__}")
    elif isinstance(like, str | list | tuple | Tensor):
        check_that(isinstance(value, type(like)), f"{value!r:.40} is no {type(like).__name__}")
