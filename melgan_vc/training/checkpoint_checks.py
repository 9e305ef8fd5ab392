"""Whether what was read from a checkpoint file is what a training writes: types, sizes and numbers of every entry."""

import math
import random
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import torch
from packaging.version import Version
from torch import Tensor

from melgan_vc.bundle_header import check_inversion
from melgan_vc.plain import LARGEST_INTEGER, check_nesting, parts

CONTENT = {
    "batch_count": int,
    "state_dict": dict,
    "optimizer_states": list,
    "callbacks": dict,
    "about": dict,
    "bad_batches": int,
    "rate_factor": float,
    "latest": dict,
    "held_out": dict,
    "random": list,
    "loggers": dict,
}
LIGHTNINGS = {"epoch": int, "global_step": int, "lr_schedulers": list, "pytorch-lightning_version": str}
ABOUT = ("audio", "chunk", "networks", "data")  # what a training is
LARGEST_PICKLE = 16 << 20
CUDA_STATE = 16  # bytes
MERSENNE_TWISTER = 624  # numbers


def check_archive(file: BinaryIO) -> list[int]:
    """Refuse a file that is not the zip archive that ``torch.save`` writes, or whose bytes have changed since.

    torch itself looks at no checksum, unpacks entries of any size, and trusts the size that a tensor claims.

    Returns:
        the sizes of the tensors' storages, in bytes.

    Raises:
        ValueError: it is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        length = file.seek(0, 2)
        if len({entry.filename for entry in entries}) < len(entries):
            raise ValueError("two of its entries have one name")
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
            raise ValueError("its entries are compressed")
        if sum(entry.file_size for entry in entries) > length:
            raise ValueError("its entries claim more than it holds")
        if any(entry.file_size > LARGEST_PICKLE for entry in entries if entry.filename.endswith(".pkl")):
            raise ValueError("it holds more than weights need")
        if archive.testzip() is not None:
            raise ValueError("a checksum is wrong")
    file.seek(0)
    return sorted(entry.file_size for entry in entries if "data" in entry.filename.split("/")[1:-1])


def check_content(content: Any, storages: list[int]) -> None:
    """Refuse what is not the content of a checkpoint of ours.

    Args:
        content: as it was read.
        storages: what :func:`check_archive` gave.

    Raises:
        ValueError: it is not; says which entry.
    """
    missing = [
        name
        for name, kind in (CONTENT | LIGHTNINGS).items()
        if not isinstance(content, dict) or type(content.get(name)) is not kind
    ]
    if missing:
        raise ValueError(f"no {missing[0]} in it")
    if "loops" in content:
        raise ValueError("loops in it")
    with entry("nested values"):
        check_nesting(content)
    with entry("tensors"):
        check_tensors(list(tensors_in(content)), storages)
    check_counters(content)
    with entry("state_dict"):
        check_weights(content["state_dict"])
    with entry("optimizer_states"):
        check_optimizer_states(content["optimizer_states"])
    for name in ("about", "latest", "held_out", "loggers"):
        with entry(name):
            check_plain(content[name])
    for name in ("latest", "held_out"):
        with entry(name):
            check_that(all(type(value) in (int, float) for value in content[name].values()), "holds other than numbers")
    with entry("about"):
        check_that(all(isinstance(content["about"].get(name), dict) for name in ABOUT), "does not say what was trained")
        check_inversion(content["about"].get("inversion"))
    for name in ("callbacks", "loggers"):
        with entry(name):
            check_that(all(isinstance(state, dict) for state in content[name].values()), "holds other than states")
    with entry("random"):
        check_that(bool(content["random"]), "is empty")
        for state in content["random"]:
            check_random_state(state)


@contextmanager
def entry(name: str) -> Iterator[None]:
    """Whatever the body meets in a stranger's values is an error of this entry.

    Raises:
        ValueError: instead of what the body raised.
    """
    try:
        yield
    except MemoryError:  # of the machine, not of these values: what is allocated was checked before
        raise
    except Exception as error:  # the libraries that try the values raise what they like
        raise ValueError(f"{name}: {' '.join(str(error).split())[:120] or type(error).__name__}") from error


def check_that(holds: bool, otherwise: str) -> None:
    """Raise a ValueError if something does not hold."""
    if not holds:
        raise ValueError(otherwise)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield all tensors in nested values."""
    if isinstance(value, Tensor):
        yield value
    for inner in parts(value):
        yield from tensors_in(inner)


def check_tensors(tensors: Iterable[Tensor], storages: list[int]) -> None:
    """Refuse tensors that are no plain ones on the CPU, or claim more memory than the file gave them."""
    claimed = {}
    for tensor in tensors:
        plain = type(tensor) is Tensor and tensor.layout is torch.strided and tensor.device.type == "cpu"
        check_that(plain and not tensor.is_quantized and not tensor.requires_grad, "holds no plain tensor")
        storage = tensor.untyped_storage()
        check_that(tensor.numel() * tensor.element_size() <= storage.nbytes(), "claims more values than it holds")
        claimed[storage._cdata] = storage.nbytes()
    check_that(sorted(claimed.values()) == storages, "claim other sizes than the file has")


def check_counters(content: Mapping[str, Any]) -> None:
    """Refuse counts and rates that no training has."""
    batches, factor = content["batch_count"], content["rate_factor"]
    if not 0 <= batches < LARGEST_INTEGER or content["global_step"] != batches or content["epoch"] != 0:
        raise ValueError(f"batch_count: {batches} at step {content['global_step']} of epoch {content['epoch']}")
    if content["bad_batches"] < 0:
        raise ValueError(f"bad_batches: {content['bad_batches']}")
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"rate_factor: {factor}")
    if content["lr_schedulers"]:
        raise ValueError("lr_schedulers: there are none in a training")
    with entry("pytorch-lightning_version"):
        Version(content["pytorch-lightning_version"])


def check_weights(state: Mapping[Any, Any]) -> None:
    """Refuse what is no table of finite weights by name."""
    for name, value in state.items():
        check_that(isinstance(name, str) and isinstance(value, Tensor), "holds other than weights")
        check_that(bool(torch.isfinite(value).all()), f"{name:.60} is NaN or infinite")


def check_optimizer_states(states: list[Any]) -> None:
    """Refuse what is no state of an optimizer; whether it fits the weights is for the module to tell."""
    for state in states:
        check_that(isinstance(state, dict) and {"state", "param_groups"} <= state.keys(), "holds other than states")
        groups = state["param_groups"]
        check_that(isinstance(state["state"], dict) and isinstance(groups, list), "holds other than states")
        check_that(all(isinstance(group, dict) and "params" in group for group in groups), "has no groups of weights")
        for place, values in state["state"].items():
            check_that(type(place) is int and isinstance(values, dict), "holds other than states of weights")
            for value in tensors_in(values):
                check_that(not torch.isnan(value).any(), f"weight {place} has NaN")


def check_plain(value: Any) -> None:
    """Refuse what is no text, number, truth value or None in lists and dicts with names."""
    if isinstance(value, dict):
        check_that(all(isinstance(name, str) for name in value), "has keys that are no names")
    elif not isinstance(value, list | tuple | str | int | float | None):
        raise ValueError(f"holds a {type(value).__name__}")
    for inner in value.values() if isinstance(value, dict) else parts(value):
        check_plain(inner)


def check_random_state(state: Any) -> None:
    """Try a state on generators that nothing draws from."""
    torch.Generator().set_state(state["torch"])
    for one in state["cuda"]:
        check_that(one.dtype == torch.uint8 and one.shape == (CUDA_STATE,), "no state of a GPU's generator")
    version, numbers, gauss = state["python"]
    check_that(gauss is None or isinstance(gauss, float), "no state of Python's generator")
    random.Random().setstate((version, tuple(numbers.tolist()), gauss))
    name, keys, place, has_gauss, cached = state["numpy"]
    check_that(type(place) is int and 0 <= place <= MERSENNE_TWISTER, "no state of numpy's generator")
    np.random.RandomState().set_state((name, keys.numpy().astype(np.uint32), place, has_gauss, cached))
