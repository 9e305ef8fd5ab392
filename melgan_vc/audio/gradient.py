"""The authors' notebook's inversion, for reference: Adam on the samples, by autograd."""

import torch
from torch import Tensor

from melgan_vc.audio.inversion import Inversion, Problem, number, whole
from melgan_vc.spec import AudioSpec

DECAY = 0.9999  # of the learning rate, each step
SPREAD = 1e-6  # of the first samples


class GradientSearch(Inversion):
    """Mean absolute difference of mel powers, minimised by Adam from almost silence.

    Args:
        spec, block_seconds, seed: see :class:`Inversion`.
        steps: of Adam; the notebook makes 2,000.
        lr: of Adam at the first step.
    """

    def __init__(
        self,
        spec: AudioSpec,
        steps: int = 2000,
        lr: float = 0.003,
        block_seconds: float = 8.0,
        seed: int = 0,
    ) -> None:
        super().__init__(spec, block_seconds, seed)
        whole("steps", steps)
        number("lr", lr, above=0)
        self.steps = steps
        self.lr = lr

    def solve(self, problem: Problem) -> Tensor:
        wanted = problem.wanted.transpose(1, 2)
        batch, frames = problem.wanted.shape[:2]
        random = torch.Generator().manual_seed(self.seed)
        signal = SPREAD * torch.randn(batch, self.spectrum.samples(frames), generator=random).to(wanted)
        begun = torch.cat([problem.known, problem.guess], dim=-1)
        signal[:, : begun.shape[-1]] = begun
        fixed = problem.known.shape[-1]
        with torch.enable_grad():
            signal.requires_grad_(True)
            optimizer = torch.optim.Adam([signal], lr=self.lr)
            schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, DECAY)
            for _ in range(self.steps):
                optimizer.zero_grad()
                torch.nn.functional.l1_loss(self.power(signal), wanted).backward()
                assert signal.grad is not None
                signal.grad[:, :fixed] = 0
                optimizer.step()
                schedule.step()
        return signal.detach()

    def power(self, signal: Tensor) -> Tensor:
        """Mel power (B, M, T) of a signal (B, S)."""
        hop, window = self.spec.hop_length, self.spectrum.window
        found = torch.stft(signal, self.spec.n_fft, hop, window=window, center=False, return_complex=True)
        return self.front_end.mel_scale(found.abs().square())
