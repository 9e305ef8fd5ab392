"""Loops over samples and bins as machine code, for a CPU: each a single pass over memory, where torch's products of
complex numbers and views need several.
"""

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from melgan_vc.audio.compiled import compiled

SMALLEST = np.float32(1e-12)  # mel power that is divided by


def fitting(*tensors: Tensor) -> bool:
    """Tell whether tensors are for these loops."""
    kinds = (torch.float32, torch.complex64)
    return all(one.device.type == "cpu" and one.dtype in kinds and not one.requires_grad for one in tensors)


def floats(tensor: Tensor) -> np.ndarray:
    """A contiguous tensor's memory as real numbers in one row; a complex one's as pairs."""
    assert tensor.is_contiguous()
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.numpy().reshape(-1)


def framed(signal: Tensor, window: Tensor, hop: int) -> Tensor:
    """Windowed frames (B, T, n) of a signal (B, S)."""
    count = (signal.shape[-1] - len(window)) // hop + 1
    out = torch.empty(len(signal), count, len(window))
    frame(signal.contiguous().numpy(), window.numpy(), hop, out.numpy())
    return out


def overlapped(frames: Tensor, window: Tensor, hop: int, begun: Tensor | None = None) -> Tensor:
    """Windowed frames (B, T, n) added up where they overlap: (B, S).

    Args:
        begun: (B, K) sums of the frames before these, from the first one's start on.
    """
    batch, count, length = frames.shape
    out = torch.zeros(batch, (count - 1) * hop + length)
    if begun is not None:
        out[:, : begun.shape[-1]] = begun
    overlap(frames.contiguous().numpy(), window.numpy(), hop, out.numpy())
    return out


def squared(spectrum: Tensor) -> Tensor:
    """Power of a complex spectrum, of the same shape."""
    out = torch.empty(spectrum.shape)
    square(floats(spectrum.contiguous()), floats(out))
    return out


def beyond(before: Tensor, found: Tensor, momentum: float, magnitude: Tensor) -> Tensor:
    """A spectrum moved on by a share of its last change, and brought to magnitudes; all of one shape."""
    out = torch.empty_like(found)
    move(floats(before), floats(found), np.float32(momentum), floats(magnitude.contiguous()), floats(out))
    return out


def refitted(power: Tensor, wanted: Tensor, filters: csr_matrix, of_bin: Tensor) -> Tensor:
    """Power (B, T, F) after one update towards a mel power (B, T, M), see :meth:`spectrum.Spectrum.refitted`.

    Args:
        power, wanted: see there.
        filters: (M, F), of which few bins are not zero.
        of_bin: (F,) their sums.
    """
    out = torch.empty(power.shape)
    rows = (one.contiguous().numpy().reshape(-1, one.shape[-1]) for one in (power, wanted, out))
    places = (one.view(np.uint32) for one in (filters.indptr, filters.indices))  # or each is checked for its sign
    refit(*rows, *places, filters.data, of_bin.numpy())
    return out


@compiled
def refit(power, wanted, out, starts, bins, weights, of_bin):  # type: ignore[no-untyped-def]
    for row in range(len(power)):
        given, found = power[row], out[row]
        found[:] = 0
        for one in range(len(starts) - 1):
            total = np.float32(0)
            for at in range(starts[one], starts[one + 1]):
                total += weights[at] * given[bins[at]]
            ratio = wanted[row, one] / max(total, SMALLEST)
            for at in range(starts[one], starts[one + 1]):
                found[bins[at]] += weights[at] * ratio
        for one in range(len(of_bin)):
            found[one] *= given[one] / of_bin[one]


@compiled
def frame(signal, window, hop, out):  # type: ignore[no-untyped-def]
    for item in range(out.shape[0]):
        for number in range(out.shape[1]):
            part = signal[item, number * hop : number * hop + len(window)]
            row = out[item, number]
            for one in range(len(window)):
                row[one] = part[one] * window[one]


@compiled
def overlap(frames, window, hop, out):  # type: ignore[no-untyped-def]
    for item in range(frames.shape[0]):
        for number in range(frames.shape[1]):
            part = out[item, number * hop : number * hop + len(window)]
            row = frames[item, number]
            for one in range(len(window)):
                part[one] += row[one] * window[one]


@compiled
def square(pairs, out):  # type: ignore[no-untyped-def]
    for one in range(len(out)):
        out[one] = pairs[2 * one] * pairs[2 * one] + pairs[2 * one + 1] * pairs[2 * one + 1]


@compiled
def move(before, found, momentum, magnitude, out):  # type: ignore[no-untyped-def]
    for one in range(len(magnitude)):
        real, imaginary = found[2 * one], found[2 * one + 1]
        real += momentum * (real - before[2 * one])
        imaginary += momentum * (imaginary - before[2 * one + 1])
        scale = magnitude[one] / np.sqrt(real * real + imaginary * imaginary + np.float32(1e-24))
        out[2 * one] = real * scale
        out[2 * one + 1] = imaginary * scale
