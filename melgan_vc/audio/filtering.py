"""Back to sound without inventing phases: the source's own STFT, made louder and quieter as its mel was changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from melgan_vc.audio.inversion import number, whole
from melgan_vc.audio.spectrum import Spectrum
from melgan_vc.audio.stream import bin_frequencies, filter_edges, front_end
from melgan_vc.audio.synthesis import Piece, Synthesis
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec

AT_ONCE = 256  # frames that are filtered in one go, so that memory does not grow with what comes in


def smooth(change: Tensor, bins: int, frames: int, weights: Tensor) -> Tensor:
    """Average a change of mels (..., M, T) over neighbouring bins and frames; differentiable.

    At the edges the average is of those that there are.

    Args:
        change: (..., M, T).
        bins, frames: sides of the box, odd.
        weights: (M,) of the bins; where none under the box has any, the result is 0.
    """
    box, half = (bins, frames), (bins // 2, frames // 2)
    rows = change.reshape(-1, 1, *change.shape[-2:])

    def mean(values: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(values, box, stride=1, padding=half, count_include_pad=False)

    column = weights[:, None].expand(rows.shape[-2:])
    share = mean(column[None, None].to(rows))
    return (mean(rows * column) / share.clamp(min=torch.finfo(rows.dtype).tiny)).reshape(change.shape)


def audible_filters(spec: AudioSpec) -> Tensor:
    """Return which mel filters (M,) hold an FFT bin: 1 or 0.

    Narrow filters of low frequencies may hold none. Their power is 0 whatever the sound, so they say nothing of it.
    """
    sums = np.asarray(front_end(spec).filters.sum(axis=1)).ravel()
    return torch.from_numpy((sums > 0).astype(np.float32))


class Filter(Synthesis):
    """A time-varying filter of the source, whose gains are the change of its mel.

    The difference of the translated and the source's mel in dB is smoothed, limited, and spread from the mel filters'
    centre frequencies over the bins of the STFT, below the first and above the last filter as it is there. Nothing is
    estimated and nothing is iterated. No change gives the source, and silence stays silence.

    Fine structure that the source does not have, such as harmonics at another pitch, cannot come about this way.

    Args:
        spec: the front end of the mels, whose STFT is filtered.
        bins: mel bins that the change is averaged over, odd. Fewer let more of the change through, and more artefacts.
        frames: frames that it is averaged over, odd; those after a frame delay it.
        limit_db: largest change in dB, up or down.
        n_fft: samples of the STFT that is filtered, two hops at least; None takes that of the mels. A shorter one
            delays live conversion less, and parts low frequencies less finely.
    """

    mask: Tensor
    lower: Tensor
    share: Tensor
    norm: Tensor

    def __init__(
        self, spec: AudioSpec, bins: int = 13, frames: int = 3, limit_db: float = 40.0, n_fft: int | None = None
    ) -> None:
        super().__init__(spec)
        for name, value in (("bins", bins), ("frames", frames)):
            whole(name, value)
            if value % 2 == 0:
                raise UserError(f"inversion.{name} is {value!r}: give an odd number, such as {value + 1}")
        number("limit_db", limit_db, above=0, below=200)
        if n_fft is not None:
            whole("n_fft", n_fft, lowest=2 * spec.hop_length)
        self.bins, self.frames, self.limit_db = bins, frames, limit_db
        self.stft = self.spectrum if n_fft is None else Spectrum(replace(spec, n_fft=n_fft))
        mask = audible_filters(spec)
        if not mask.any():
            raise UserError("inversion=filter: no mel filter holds a bin of the FFT; use a larger audio.n_fft")
        known = mask.nonzero()[:, 0].numpy()
        places = np.interp(bin_frequencies(self.stft.spec), filter_edges(spec)[1:-1][known], np.arange(len(known)))
        first = np.minimum(places.astype(int), max(0, len(known) - 2))
        following = np.minimum(first + 1, len(known) - 1)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("lower", torch.from_numpy(known[first]), persistent=False)
        self.register_buffer("upper", torch.from_numpy(known[following]), persistent=False)
        self.register_buffer("share", torch.from_numpy((places - first).astype(np.float32)), persistent=False)
        squares = self.stft.window.square()
        missing = -len(squares) % spec.hop_length
        columns = nn.functional.pad(squares, (0, missing)).view(-1, spec.hop_length)
        self.register_buffer("norm", columns.sum(0), persistent=False)  # of the samples of a hop, anywhere

    def change(self, source_mel: Tensor, mel: Tensor) -> Tensor:
        """Return the difference (M, T) in dB of a translated mel from its source."""
        return (mel - source_mel) * (self.spec.range_db / 2)

    def gains(self, change: Tensor) -> Tensor:
        """Return the factors (T, F) of a change in dB (M, T)."""
        smoothed = smooth(change, self.bins, self.frames, self.mask).clamp(-self.limit_db, self.limit_db)
        decibel = torch.lerp(smoothed[self.lower], smoothed[self.get_buffer("upper")], self.share[:, None])
        return (decibel.T * (math.log(10) / 20)).exp()

    def in_blocks(self, frames: int | None = None) -> "FilterSteps":
        """Return the filter piece by piece; it gives each sample as early as it can, however many frames come."""
        return FilterSteps(self)

    @torch.no_grad()
    def synthesise(self, piece: Piece) -> Tensor:
        """Return the filtered source (N,).

        Args:
            piece: the whole recording, with both of its mels.

        Raises:
            UserError: mels and source are not of one length.
        """
        samples, frames = piece.source.shape[-1], piece.source_mel.shape[-1]
        wanted = self.spec.frames(samples) if samples else 0  # an odd FFT leaves the last one out now and then
        if piece.mel.shape[-1] != frames or not max(1, wanted - 1) <= frames <= wanted:
            raise UserError(
                f"the mels have {frames} and {piece.mel.shape[-1]} frames, and the source has {samples} samples: give "
                f"{wanted} frames, made of this source"
            )
        steps = self.in_blocks()
        (state,), (sound,) = steps.step([steps.start(piece.source.device)], [piece])
        return torch.cat([sound, *steps.end([state])])[:samples]

    def forward(self, mel: Tensor, samples: int | None = None) -> Tensor:
        """Refuse a mel alone.

        Raises:
            UserError: always.
        """
        raise UserError(
            "filtering needs the recording that the mel was made of: convert the recording with "
            "OfflineConverter.convert(waveform, sample_rate), or invert mels alone with inversion=griffin_lim"
        )


@dataclass(frozen=True)
class FilterState:
    """The state of one recording between two pieces.

    Attributes:
        source_mel: (M, T) frames of the source that are not translated yet.
        change: (M, T') in dB, of translated frames: those that are not filtered yet, and those that these need.
        first: number of the first of them.
        next: number of the next frame to be filtered, below 0 before the recording begins.
        source: samples (N,) from the start of that frame's window on.
        sums: (K,) of the filtered frames before, where their windows reach over that start.
        unheard: samples to come before the recording begins.
        samples: of the source so far.
    """

    source_mel: Tensor
    change: Tensor
    first: int
    next: int
    source: Tensor
    sums: Tensor
    unheard: int
    samples: int

    @property
    def known(self) -> int:
        """Translated frames."""
        return self.first + self.change.shape[1]


class FilterSteps:
    """A filter for recordings that come piece by piece.

    The gains of the first and the last frame go on before and after them, so that each sample lies under as many
    windows as any other.

    Args:
        method: the filter.
    """

    def __init__(self, method: Filter) -> None:
        self.method = method
        self.stft = method.stft
        self.hop, self.n_fft = method.spec.hop_length, method.stft.spec.n_fft
        self.ahead = method.frames // 2
        self.lookahead = self.ahead * self.hop + self.n_fft // 2
        self.before = -(-(self.n_fft - self.n_fft // 2) // self.hop) - 1  # frames before the first that reach over it

    def start(self, device: torch.device | None = None) -> FilterState:
        """Return the state before the first piece."""
        nothing = torch.zeros(0, device=device)
        mel = nothing.new_zeros(self.method.spec.n_mels, 0)
        silent = self.before * self.hop + self.n_fft // 2
        return FilterState(mel, mel, 0, -self.before, nothing.new_zeros(silent), nothing, silent, 0)

    def step(self, states: Sequence[FilterState], pieces: Sequence[Piece]) -> tuple[list[FilterState], list[Tensor]]:
        """Take a piece of each recording; return new states, and the samples (N,) that are known now."""
        stepped = [self.filtered(self.given(*one)) for one in zip(states, pieces, strict=True)]
        return [state for state, _ in stepped], [sound for _, sound in stepped]

    def end(self, states: Sequence[FilterState]) -> list[Tensor]:
        """Return the last samples (N,) of each recording; there may be some more than the source has."""
        return [self.filtered(state, ended=True)[1] for state in states]

    def given(self, state: FilterState, piece: Piece) -> FilterState:
        """Add a piece to a state."""
        source_mel = torch.cat([state.source_mel, piece.source_mel.float()], dim=1)
        frames = piece.mel.shape[1]
        change = self.method.change(source_mel[:, :frames], piece.mel.float())
        return replace(
            state,
            source_mel=source_mel[:, frames:],
            change=torch.cat([state.change, change], dim=1),
            source=torch.cat([state.source, piece.source.float()]),
            samples=state.samples + len(piece.source),
        )

    def filtered(self, state: FilterState, ended: bool = False) -> tuple[FilterState, Tensor]:
        """Filter what can be filtered; at the end all that is left, with silence after the source."""
        sounds = [state.source[:0]]
        while (count := min(self.ready(state, ended), AT_ONCE)) > 0:
            missing = self.stft.samples(count) - len(state.source)
            if missing > 0:
                state = replace(state, source=nn.functional.pad(state.source, (0, missing)))
            state, sound = self.take(state, count)
            sounds.append(sound)
        return state, torch.cat(sounds)

    def ready(self, state: FilterState, ended: bool) -> int:
        """Return how many frames can be filtered now."""
        if ended:
            last = (state.samples - 1 + self.n_fft // 2) // self.hop  # that reaches over the last sample
            return last + 1 - state.next if state.known else 0
        if state.known <= self.ahead:
            return 0
        complete = (len(state.source) - self.n_fft) // self.hop + 1
        return min(state.known - self.ahead - state.next, complete)

    def take(self, state: FilterState, count: int) -> tuple[FilterState, Tensor]:
        """Filter the next frames; gives the samples (N,) that no later frame reaches."""
        after = state.next + count
        signal = state.source[: self.stft.samples(count)]
        found = self.stft.analyse(signal[None]).mul_(self.gains(state, count))
        out = self.stft.added(torch.fft.irfft(found, n=self.n_fft), state.sums[None])[0]
        done = count * self.hop
        sound = (out[:done].view(count, self.hop) / self.method.norm).flatten()
        kept = max(0, min(after, state.known - 1) - self.ahead)
        left = replace(
            state,
            change=state.change[:, kept - state.first :],
            first=kept,
            next=after,
            source=state.source[done:],
            sums=out[done:],
            unheard=max(0, state.unheard - done),
        )
        return left, sound[state.unheard :]

    def gains(self, state: FilterState, count: int) -> Tensor:
        """Return the factors (T, F) of the next frames."""
        numbers = torch.arange(state.next, state.next + count, device=state.change.device).clamp(0, state.known - 1)
        low, high = int(numbers[0]), int(numbers[-1])
        begin = max(state.first, low - self.ahead)
        change = state.change[:, begin - state.first : high + self.ahead + 1 - state.first]
        return self.method.gains(change)[numbers - begin]
