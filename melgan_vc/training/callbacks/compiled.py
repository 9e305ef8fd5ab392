"""Compile the networks, where that can be done."""

import copy
import logging
from typing import Any

import lightning as L
import torch
from torch import nn

from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.training.module import MelganVC

log = logging.getLogger(__name__)
MODES = {"default": "default", "cuda_graphs": "reduce-overhead", "max_autotune": "max-autotune"}  # of torch.compile
WHOLE = ("SingleDeviceStrategy", "DDPStrategy")  # that leave the networks in one piece


class Compiled(L.Callback):
    """Calls each network through torch.compile; without it, and with a word, where the machine cannot.

    Args:
        mode: "default", "cuda_graphs" (each network's kernels started as one) or "max_autotune".
    """

    def __init__(self, mode: str) -> None:
        if mode not in MODES:
            raise UserError(f"trainer.compile is {mode!r}: give {', '.join(MODES)}, or null")
        self.mode = mode

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        strategy = type(trainer.strategy).__name__
        if strategy not in WHOLE:
            reason = f"{strategy} parts them"
        elif self.mode == "cuda_graphs" and module.device.type != "cuda":
            reason = "there is no GPU"
        else:
            reason = self.compile(trainer, module)
        if reason:
            log.warning("warning: trainer.compile=%s: the networks stay as they are, for %s", self.mode, reason)

    def compile(self, trainer: L.Trainer, module: MelganVC) -> str:
        """Compile the networks; returns why they cannot be, nothing where they can."""
        data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
        each, splits, bins = data.batch_size // data.parts, module.chunk.splits, data.audio.n_mels
        generated = splits * each * (2 if module.losses["generator"].needs_identity else 1)
        tries = {
            module.generator: (generated, bins, module.chunk.width),
            module.siamese: (4 * each, bins, module.chunk.width),
            module.discriminator: (2 * each, bins, module.chunk.window),
        }
        if module.losses["discriminator"].needs_real_gradient:
            log.warning(
                "warning: trainer.compile=%s: the discriminator stays as it is, for what is compiled has no gradient "
                "of a gradient, which a loss of it asks for",
                self.mode,
            )
            del tries[module.discriminator]
        with trainer.precision_plugin.forward_context():
            for network, shape in tries.items():
                reason = self.failure(network, torch.zeros(shape, device=module.device))
                if reason:
                    return reason
        for network in tries:
            network.compile(mode=MODES[self.mode], dynamic=False)
        return ""

    def failure(self, network: nn.Module, items: torch.Tensor) -> str:
        """Why a network cannot be compiled; nothing where it can. A copy is tried."""
        tried = copy.deepcopy(network)
        tried.compile(mode=MODES[self.mode], dynamic=False)
        try:
            tried(items).float().sum().backward()
        except (RuntimeError, OSError, ImportError) as error:
            said = [line for line in str(error).splitlines() if line.strip() and not line.endswith("raised:")]
            return said[0] if said else type(error).__name__
        return ""

    def on_train_batch_start(self, *_: Any) -> None:
        if self.mode == "cuda_graphs":
            torch.compiler.cudagraph_mark_step_begin()
