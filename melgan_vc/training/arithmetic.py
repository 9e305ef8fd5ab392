"""How much arithmetic a training is, to hold its speed against the machine's."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from melgan_vc.training.module import MelganVC


@dataclass(frozen=True)
class Arithmetic:
    """Floating-point operations of a cycle: of the batches from one update of the generator to the next.

    Those of convolutions and matrix products, forward and backward; a multiplication and an addition count as two. What
    a penalty on gradients adds is left out, and so are the heads of losses.

    Attributes:
        networks: by network.
        batches: of a cycle.
    """

    networks: dict[str, float]
    batches: int

    @property
    def cycle(self) -> float:
        return sum(self.networks.values())

    @property
    def batch(self) -> float:
        """The mean over a cycle's batches."""
        return self.cycle / self.batches


def arithmetic(module: MelganVC, batch_size: int, n_mels: int) -> Arithmetic:
    """That of a module's cycle, found on copies of its networks, without computing anything.

    Args:
        module: its networks and settings.
        batch_size: windows (B) of each domain in a batch.
        n_mels: mel bins (M).
    """
    splits, every = module.chunk.splits, module.optim.generator_every
    chunk, window = (n_mels, module.chunk.width), (n_mels, module.chunk.window)
    chunks = splits * batch_size
    generated = 2 * chunks if module.losses["generator"].needs_identity else chunks
    generator, siamese, discriminator = (
        copy.deepcopy(network).to("meta") for network in (module.generator, module.siamese, module.discriminator)
    )
    encoded = 0.0
    if module.losses["generator"].needs_features:
        encoder = Encoder(copy.deepcopy(module.generator).to("meta"))
        encoded = work(encoder, chunks, chunk, trained=False) + work(encoder, chunks, chunk, passed_on=True)
    return Arithmetic(
        {
            "generator": work(generator, generated, chunk)
            + (every - 1) * work(generator, chunks, chunk, trained=False)
            + encoded,
            # The ends of each window, before translation and after.
            "siamese": work(siamese, 4 * batch_size, chunk, passed_on=True),
            "discriminator": work(discriminator, batch_size, window, trained=False, passed_on=True)
            + every * work(discriminator, 2 * batch_size, window),
        },
        every,
    )


class Encoder(nn.Module):
    """The encoder of a generator alone, whose features are added up."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, chunk: Tensor) -> Tensor:
        features: Any = self.generator.encode(chunk)  # type: ignore[operator]
        return torch.stack([one.sum() for one in features])


def known_arithmetic(module: MelganVC, batch_size: int, n_mels: int) -> Arithmetic | None:
    """The same; None for networks whose shapes alone cannot be followed, as those with batch norm over all GPUs."""
    try:
        return arithmetic(module, batch_size, n_mels)
    except (RuntimeError, NotImplementedError, TypeError, ValueError):
        return None


def work(
    network: nn.Module, count: int, shape: tuple[int, int], trained: bool = True, passed_on: bool = False
) -> float:
    """Operations of a network on so many items.

    Args:
        network: on the device "meta", which holds shapes alone.
        count: of items.
        shape: of each.
        trained: gradients of the weights are computed.
        passed_on: gradients of the items are.
    """
    network.requires_grad_(trained)
    with (
        torch.device("meta"),  # also for what a network makes as it runs
        FlopCounterMode(display=False) as counter,
        torch.set_grad_enabled(trained or passed_on),
    ):
        out = network(torch.empty(count, *shape, requires_grad=passed_on))
        if trained or passed_on:
            out.sum().backward()
    return float(counter.get_total_flops())
