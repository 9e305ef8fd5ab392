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
        data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
        chunk, window = ((data.audio.n_mels, frames) for frames in (module.chunk.width, module.chunk.window))
        shapes = {module.generator: chunk, module.siamese: chunk, module.discriminator: window}
        reason = ""
        if type(trainer.strategy).__name__ not in WHOLE:
            reason = f"{type(trainer.strategy).__name__} parts them"
        elif self.mode == "cuda_graphs" and module.device.type != "cuda":
            reason = "there is no GPU"
        else:
            for network, shape in shapes.items():
                with trainer.precision_plugin.forward_context():
                    reason = reason or self.failure(network, torch.zeros(2, *shape, device=module.device))
        if reason:
            log.warning("warning: trainer.compile=%s: the networks stay as they are, for %s", self.mode, reason)
            return
        for network in shapes:
            network.compile(mode=MODES[self.mode], dynamic=False)

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
