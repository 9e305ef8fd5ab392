"""Speaker embeddings of voices."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from melgan_vc.errors import UserError

log = logging.getLogger(__name__)
SHORTEST_VOICE = 0.5  # seconds that a speaker can be told from
QUIETEST = 1e-4  # peak of what nobody would call a voice
DIMENSIONS = 256  # (E) of resemblyzer's embeddings

Embed = Callable[[np.ndarray, int], np.ndarray]


def speaker_embedder() -> Embed:
    """A function from a waveform (N,) and its sample rate to speaker embeddings (K, 256) of pieces of 1.6 s.

    Their :func:`centroid` is the recording's; there is none where less than half a second of voice is found, for then
    the network would mostly describe the padding. They are resemblyzer's (GE2E, arXiv:1710.10467), whose weights come
    with the package.

    Raises:
        UserError: resemblyzer is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from resemblyzer import VoiceEncoder, preprocess_wav, sampling_rate
    except ImportError as error:
        raise UserError(
            f"speaker similarity needs resemblyzer ({error}): "
            "pip install webrtcvad-wheels, then pip install --no-deps resemblyzer"
        ) from error
    encoder = VoiceEncoder("cpu", verbose=False)

    def embed(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if np.abs(waveform).max(initial=0.0) < QUIETEST:
                return np.zeros((0, DIMENSIONS))
            voice = preprocess_wav(waveform, source_sr=sample_rate)
            if len(voice) < SHORTEST_VOICE * sampling_rate or not np.isfinite(voice).all():
                return np.zeros((0, DIMENSIONS))
            return encoder.embed_utterance(voice, return_partials=True)[1]

    return embed


def usable_embedder() -> Embed | None:
    """Return the speaker embedder; None, with a warning, where it is not installed."""
    try:
        return speaker_embedder()
    except UserError as error:
        log.warning("warning: likeness is not measured: %s", error)
        return None


def nobody(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return no speaker embeddings (0, 256), for where there is no embedder."""
    return np.zeros((0, DIMENSIONS))


def centroid(embeddings: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The embedding of a recording or a speaker: the mean over pieces or recordings, (K, E), of length one (E,).

    NaN where there are none; those that are NaN do not count.
    """
    known = [one for one in embeddings if np.isfinite(one).all() and np.any(one)]
    if not known:
        return np.full(DIMENSIONS, np.nan)
    mean = np.mean(known, axis=0)
    return mean / np.linalg.norm(mean)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two vectors (E,); NaN where one has no direction."""
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other / length) if length > 0 else float("nan")  # which NaN is not
