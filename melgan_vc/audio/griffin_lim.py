"""Fast inversion: phases by their gradient, then Griffin-Lim that refits the magnitudes to the mel as it goes."""

import numpy as np
import torch
from torch import Tensor

from melgan_vc.audio import kernels
from melgan_vc.audio.inversion import BLOCK_SECONDS, Inversion, Problem, number, whole
from melgan_vc.audio.phase import PhaseGradient
from melgan_vc.audio.spectrum import power_of
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

STARTS = ("gradient", "random")
SMALLEST = 1e-24  # power


class GriffinLim(Inversion):
    """Griffin-Lim with momentum (Perraudin et al., 2013), from phases that fit the magnitudes.

    A mel tells the linear magnitudes only roughly. They are first unmixed so that they stay positive, and then refitted
    to the mel every now and then, from the magnitudes that the signal itself has: those of a real sound.

    Args:
        spec, block_seconds, seed: see :class:`Inversion`.
        iterations: of Griffin-Lim.
        momentum: of Griffin-Lim, under 1.
        unmix_iterations: updates of the first magnitudes.
        refit_every: iterations from one refit of the magnitudes to the next; 0 keeps the first ones.
        start: of the phases: "gradient" (see :mod:`phase`) or "random".
    """

    def __init__(
        self,
        spec: AudioSpec,
        iterations: int = 48,
        momentum: float = 0.99,
        unmix_iterations: int = 4,
        refit_every: int = 2,
        start: str = "gradient",
        block_seconds: float = BLOCK_SECONDS,
        seed: int = 0,
    ) -> None:
        super().__init__(spec, block_seconds, seed)
        whole("iterations", iterations)
        whole("unmix_iterations", unmix_iterations, lowest=0)
        whole("refit_every", refit_every, lowest=0)
        number("momentum", momentum, above=-1, below=1)
        if start not in STARTS:
            raise UserError(f"inversion.start is {start!r}: give one of {', '.join(STARTS)}")
        self.iterations = iterations
        self.momentum = momentum
        self.unmix_iterations = unmix_iterations
        self.refit_every = refit_every
        self.start = start

    def solve(self, problem: Problem) -> Tensor:
        spectrum, settled = self.spectrum, self.frames_of(problem.known)
        magnitude = spectrum.unmixed(problem.wanted, self.unmix_iterations).sqrt()
        phases = self.first_phases(magnitude, problem.known)
        # Frames of known samples alone lead the first phases; in what follows no other sample depends on them.
        wanted, magnitude, phases = (one[:, settled:] for one in (problem.wanted, magnitude, phases))
        before_them, known = problem.known.tensor_split([settled * self.spec.hop_length], dim=1)
        overlap = spectrum.overlap(wanted.shape[1])
        estimate = torch.polar(magnitude, phases)
        before: Tensor | None = None
        for iteration in range(self.iterations):
            found = spectrum.analyse(self.signal(estimate, overlap, known))
            if self.refit_every and iteration % self.refit_every == self.refit_every - 1:
                magnitude = spectrum.refitted(power_of(found), wanted).sqrt_()
            estimate = beyond(found if before is None else before, found, self.momentum, magnitude)
            before = found
        return torch.cat([before_them, self.signal(estimate, overlap, known)], dim=1)

    def frames_of(self, known: Tensor) -> int:
        """Frames of a signal that lie within its known samples (B, K)."""
        return max(0, (known.shape[-1] - self.spec.n_fft) // self.spec.hop_length + 1)

    def signal(self, estimate: Tensor, overlap: Tensor, known: Tensor) -> Tensor:
        """The signal (B, S) of a spectrum (B, T, F), with its known samples."""
        signal = self.spectrum.synthesise(estimate, overlap)
        signal[:, : known.shape[-1]] = known
        return signal

    def first_phases(self, magnitude: Tensor, known: Tensor) -> Tensor:
        """Phases (B, T, F) to start from; those of frames of known samples alone are known."""
        frames = self.frames_of(known)
        before = self.spectrum.analyse(known).angle().cpu().numpy() if frames else None
        found = []
        for item, one in enumerate(magnitude.cpu().numpy()):
            kept = None if before is None else before[item]
            if self.start == "gradient":
                found.append(PhaseGradient(self.spec, self.seed).phases(one, kept))
            else:
                drawn = np.random.default_rng(self.seed).uniform(-np.pi, np.pi, one.shape)
                found.append(drawn if kept is None else np.concatenate([kept, drawn[frames:]]))
        return torch.from_numpy(np.stack(found)).to(magnitude)


def beyond(before: Tensor, found: Tensor, momentum: float, magnitude: Tensor) -> Tensor:
    """A spectrum (B, T, F) moved on by a share of its last change, and brought to magnitudes."""
    if kernels.fitting(before, found, magnitude):
        return kernels.beyond(before, found, momentum, magnitude)
    moved = torch.view_as_complex(torch.lerp(torch.view_as_real(before), torch.view_as_real(found), 1 + momentum))
    return moved.mul_(magnitude * power_of(moved).clamp_(min=SMALLEST).rsqrt_())
