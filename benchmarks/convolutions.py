"""Which form of a convolution is fastest at the paper's shapes: there and back, in GFLOP/s.

    python -m benchmarks.convolutions [types=[float32,bfloat16]]

``1-D`` is what the networks use, ``channels last`` the same as a 2-D convolution with channels in the innermost place,
``product`` unfolded frames times the kernel as one matrix product. A product of square matrices stands beside.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional

from melgan_vc.cli import explained
from melgan_vc.evaluation.tables import aligned
from melgan_vc.networks.layers import same_padding
from melgan_vc.training.rehearsal import matrix_product

Form = Callable[[Tensor, Tensor, int], Tensor]
LAYERS = {  # items, channels, out, frames, kernel, stride
    "discriminator 1": (32, 192, 512, 72, 3, 1),
    "discriminator 2": (32, 512, 512, 70, 9, 2),
    "discriminator 3": (32, 512, 512, 35, 7, 2),
    "generator down": (96, 256, 256, 24, 9, 2),
    "generator up": (96, 512, 256, 24, 9, 1),
}
ROUNDS = 10


def plain(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return functional.conv1d(x, kernel, stride=stride)


def channels_last(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    image, square = (one.unsqueeze(2).to(memory_format=torch.channels_last) for one in (x, kernel))
    return functional.conv2d(image, square, stride=(1, stride)).squeeze(2)


def product(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    out, channels, width = kernel.shape
    frames = x.transpose(1, 2).contiguous().unfold(1, width, stride)  # (B, T, C, K)
    return (frames.flatten(2) @ kernel.reshape(out, channels * width).T).transpose(1, 2)


FORMS: dict[str, Form] = {"1-D": plain, "channels last": channels_last, "product": product}


def seconds(form: Form, x: Tensor, kernel: Tensor, stride: int) -> float:
    """Median of a pass there and back."""
    slope = torch.ones_like(form(x, kernel, stride))
    found = []
    for _ in range(ROUNDS + 2):
        x.grad = kernel.grad = None
        begun = time.perf_counter()
        form(x, kernel, stride).backward(slope)
        found.append(time.perf_counter() - begun)
    return statistics.median(found[2:])


def main() -> None:
    given: Any = OmegaConf.merge({"types": ["float32", "bfloat16"]}, OmegaConf.from_cli())
    rows = []
    for name in given.types:
        kind = getattr(torch, name)
        for layer, (items, channels, out, frames, width, stride) in LAYERS.items():
            padded = frames + sum(same_padding(frames, width, stride))
            x = torch.randn(items, channels, padded).to(kind).requires_grad_()
            kernel = (0.02 * torch.randn(out, channels, width)).to(kind).requires_grad_()
            flop = 3 * 2 * items * out * channels * width * ((padded - width) // stride + 1)
            speeds = [f"{flop / seconds(form, x, kernel, stride) / 1e9:.0f}" for form in FORMS.values()]
            rows.append((name, layer, *speeds, f"{matrix_product(kind, x.device) / 1e9:.0f}"))
    print(f"Paper sizes, batch 16, {torch.get_num_threads()} threads; GFLOP/s there and back\n")
    print(aligned(("type", "layer", *FORMS, "matrix product"), rows))


if __name__ == "__main__":
    with explained():
        main()
