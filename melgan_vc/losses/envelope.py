"""The envelope loss: translation keeps the coarse shape of each frame's spectrum, and with it the words."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.losses.outputs import GeneratorStep
from melgan_vc.networks.layers import smooth_bins


def envelope_distance(source: Tensor, translated: Tensor, width: int) -> Tensor:
    """Return the mean absolute difference of two spectral envelopes, their levels aside.

    The envelope is the mel smoothed over ``width`` bins, less its mean over the bins of each frame: the vocal tract's
    resonances without the harmonics of the voice, and without its loudness. A source frame whose bins are all equal,
    as in silence, has no shape to keep: there the level is compared instead, so that silence stays silence.

    Args:
        source: mels (..., M, T), which are compared with and not trained.
        translated: mels (..., M, T) of the same frames.
        width: mel bins, see :func:`melgan_vc.networks.layers.smooth_bins`.

    Returns:
        Scalar, in units of normalised mels (1 is half of ``audio.range_db``).
    """
    source = source.detach()
    bins, frames = source.shape[-2:]
    change = smooth_bins((translated - source).reshape(-1, bins, frames), width)
    has_shape = (source.amax(-2, keepdim=True) > source.amin(-2, keepdim=True)).reshape(-1, 1, frames)
    return (change - has_shape * change.mean(1, keepdim=True)).abs().mean()


@dataclass(frozen=True)
class Envelope:
    """:func:`envelope_distance` of source chunks and their translation.

    Args:
        width: mel bins that the envelope is smoothed over.
    """

    width: int = 24
    group: ClassVar[str] = "generator"
    needs_identity: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if type(self.width) is not int or self.width < 1:
            raise UserError(f"losses: the envelope's width is {self.width!r}: give a whole number of mel bins above 0")

    def __call__(self, outputs: GeneratorStep) -> Tensor:
        return envelope_distance(outputs.source, outputs.translated, self.width)
