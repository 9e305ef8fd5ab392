"""Inversion for quality: from Griffin-Lim on, L-BFGS on the samples until their mel is the one asked for."""

import torch
from torch import Tensor

from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.inversion import BLOCK_SECONDS, Inversion, Problem, whole
from melgan_vc.audio.spectrum import power_of
from melgan_vc.spec import AudioSpec

SMALLEST = 1e-9  # mel power, under which a difference is not heard


class Lbfgs(Inversion):
    """L-BFGS (Liu and Nocedal, 1989) on the squared differences of mel amplitudes, through the true front end.

    Args:
        spec, block_seconds, seed: see :class:`Inversion`.
        steps: of L-BFGS.
        history: steps that it remembers.
        iterations: of Griffin-Lim before.
    """

    def __init__(
        self,
        spec: AudioSpec,
        steps: int = 180,
        history: int = 5,
        iterations: int = 48,
        block_seconds: float = BLOCK_SECONDS,
        seed: int = 0,
    ) -> None:
        super().__init__(spec, block_seconds, seed)
        whole("steps", steps)
        whole("history", history)
        self.steps = steps
        self.history = history
        self.beginning = GriffinLim(spec, iterations, block_seconds=block_seconds, seed=seed)

    def solve(self, problem: Problem) -> Tensor:
        starts = self.beginning.solve(problem)
        goals = (problem.wanted + SMALLEST).sqrt()
        fixed = problem.known.shape[-1]
        return torch.cat(
            [self.refine(start[None], goal[None], fixed) for start, goal in zip(starts, goals, strict=True)]
        )

    def refine(self, signal: Tensor, goal: Tensor, fixed: int) -> Tensor:
        """A signal (1, S) whose mel amplitudes are nearer to those asked for (1, T, M); the first samples stay."""
        signal = signal.clone()
        optimizer = torch.optim.LBFGS(
            [signal], max_iter=self.steps, max_eval=2 * self.steps, history_size=self.history, tolerance_grad=0,
            tolerance_change=0,
        )  # fmt: skip

        def closure() -> Tensor:
            loss, gradient = self.loss(signal, goal)
            gradient[:, :fixed] = 0
            signal.grad = gradient
            return loss

        optimizer.step(closure)
        return signal

    def loss(self, signal: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of squared differences of mel amplitudes, and its gradient (1, S)."""
        found = self.spectrum.analyse(signal)
        amplitude = (self.spectrum.mel(power_of(found)) + SMALLEST).sqrt()
        difference = amplitude - goal
        half = found.mul_(self.spectrum.spread(difference / amplitude))
        return difference.square().sum(), self.spectrum.adjoint(half)
