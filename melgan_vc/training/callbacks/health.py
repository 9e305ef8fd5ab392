"""Gradient norms and learning rates in the logs."""

import lightning as L
from torch.optim import Optimizer

from melgan_vc.training.gradients import gradient_scale, total_norm
from melgan_vc.training.module import GROUPS, NETWORKS, MelganVC


class Health(L.Callback):
    """The norm of each network's gradient and the rate of each optimizer, at the last update before a logged point."""

    def on_before_optimizer_step(self, trainer: L.Trainer, module: MelganVC, optimizer: Optimizer) -> None:  # type: ignore[override]
        left = -(module.batch_count + 1) % module.optim.log_every  # batches to the logged point
        group = GROUPS[trainer.optimizers.index(optimizer)]
        if left >= (module.optim.generator_every if group == "generator" else 1):
            return
        scale = gradient_scale(trainer, optimizer)
        for name in NETWORKS[group]:
            module.latest[f"gradient_norm/{name}"] = total_norm(getattr(module, name).parameters()) / scale
        module.latest[f"rate/{group}"] = optimizer.param_groups[0]["lr"]
