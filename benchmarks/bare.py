"""The training step as short as it can be written: the yardstick for what the framework costs."""

import copy

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from melgan_vc.training.module import MelganVC

ADAM = {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-7, "fused": True}


class Bare:
    """Steps with the losses and weights of ``conf/losses/voice.yaml``, on copies of a module's networks."""

    def __init__(self, module: MelganVC, reduced: bool) -> None:
        self.generator, self.siamese, self.discriminator, self.average = (
            copy.deepcopy(one) for one in (module.generator, module.siamese, module.discriminator, module.generator)
        )
        self.average.requires_grad_(False)
        self.splits, self.every, self.decay = module.chunk.splits, module.optim.generator_every, module.optim.ema_decay
        self.reduced = reduced
        self.first = torch.optim.Adam([*self.generator.parameters(), *self.siamese.parameters()], **ADAM)
        self.second = torch.optim.Adam(self.discriminator.parameters(), **ADAM)
        self.count = 0

    def step(self, source: Tensor, target: Tensor) -> tuple[Tensor | None, Tensor]:
        """One batch of windows (B, M, S·W); returns the weighted sums of both groups of losses."""
        updates, total = self.count % self.every == 0, None
        self.count += 1
        chunks, wanted = (torch.cat(windows.chunk(self.splits, -1)) for windows in (source, target))
        with self.autocast(), torch.set_grad_enabled(updates):
            out = self.generator(torch.cat([chunks, wanted]) if updates else chunks).float()
        size, count = len(source), len(chunks)
        fakes = torch.cat(out[:count].chunk(self.splits), -1)
        if updates:
            self.discriminator.requires_grad_(False)
            with self.autocast():
                ends = [out[:size], out[count - size : count], chunks[:size], chunks[-size:]]
                first, last, before, after = self.siamese(torch.cat(ends)).float().chunk(4)
                logits = self.discriminator(fakes)
            moved, kept = first - last, before - after
            cosines = (normalize(moved, eps=1e-6) * normalize(kept, eps=1e-6)).sum(-1)
            travel = (moved - kept).square().mean() - cosines.mean()
            margin = relu(2 - (kept.square().sum(-1) + 1e-12).sqrt()).square().mean()
            identity = (out[count:] - wanted).abs().mean()
            total = 10 * travel + 10 * margin + 0.5 * identity - logits.mean()
            self.first.zero_grad()
            total.backward()
            self.first.step()
            self.discriminator.requires_grad_(True)
            if self.decay is not None:
                torch._foreach_lerp_([*self.average.parameters()], [*self.generator.parameters()], 1 - self.decay)
        with self.autocast():
            real, fake = self.discriminator(torch.cat([target, fakes.detach()])).chunk(2)
        loss = 0.5 * relu(1 - real).mean() + 0.5 * relu(1 + fake).mean()
        self.second.zero_grad()
        loss.backward()
        self.second.step()
        return total, loss

    def autocast(self) -> torch.autocast:
        return torch.autocast(next(self.generator.parameters()).device.type, torch.bfloat16, enabled=self.reduced)
