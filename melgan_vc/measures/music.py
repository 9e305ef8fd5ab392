"""Measures of music: its melody and its genre."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import librosa
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from melgan_vc.errors import UserError

RATE = 22050  # Hz, that all is listened to at
HOP = 512
SECONDS = 3.0  # of a piece that gets a verdict
COEFFICIENTS = 20
STRENGTH = 0.01  # of the classifier's fit to single pieces: little, for they are few and alike


def chroma(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """How strong each of the twelve pitch classes is, (12, T), of a waveform (N,).

    Frames have length one, but for those of digital silence, which are zero.
    """
    heard = librosa.resample(waveform, orig_sr=sample_rate, target_sr=RATE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=.* is too large")  # for the lowest notes of a short clip
        return librosa.feature.chroma_cens(y=heard, sr=RATE, hop_length=HOP)


def chroma_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Mean cosine of two chromagrams (12, T), frame by frame while both last; 1 for the same melody and harmony."""
    frames = min(one.shape[1], other.shape[1])
    products = (one[:, :frames] * other[:, :frames]).sum(axis=0)
    lengths = np.linalg.norm(one[:, :frames], axis=0) * np.linalg.norm(other[:, :frames], axis=0)
    heard = lengths > 1e-6
    return float((products[heard] / lengths[heard]).mean()) if heard.any() else float("nan")


def timbre(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Pieces of SECONDS as vectors (K, 4 · COEFFICIENTS): mean and spread of MFCCs and of their change.

    The zeroth coefficient, the level, is left out; half of each piece is in the next one, too.
    """
    heard = librosa.resample(waveform, orig_sr=sample_rate, target_sr=RATE)
    if not len(heard):
        raise UserError("a recording is empty")
    mfcc = librosa.feature.mfcc(y=heard, sr=RATE, n_mfcc=COEFFICIENTS + 1, hop_length=HOP)[1:]
    length = min(round(SECONDS * RATE / HOP), mfcc.shape[1])
    starts = range(0, mfcc.shape[1] - length + 1, max(1, length // 2))
    return np.stack([described(mfcc[:, start : start + length]) for start in starts])


def described(piece: np.ndarray) -> np.ndarray:
    change = np.diff(piece, axis=1) if piece.shape[1] > 1 else np.zeros_like(piece)
    return np.concatenate([piece.mean(axis=1), piece.std(axis=1), change.std(axis=1), np.abs(change).mean(axis=1)])


@dataclass(frozen=True)
class GenreClassifier:
    """Tells the target's genre from the source's by timbre.

    Attributes:
        model: scikit-learn's logistic regression of scaled vectors.
        space: that vectors are scaled in, see :func:`timbre`.
    """

    model: Pipeline

    @classmethod
    def trained(cls, source: Iterable[np.ndarray], target: Iterable[np.ndarray]) -> "GenreClassifier":
        """Of the vectors (K, E) of each training recording of both domains."""
        sides = [np.concatenate(list(one)) for one in (source, target)]
        labels = np.repeat([0, 1], [len(one) for one in sides])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000, random_state=0)
        )
        return cls(model.fit(np.concatenate(sides), labels))

    def target_share(self, vectors: np.ndarray) -> float:
        """Mean probability, over the pieces (K, E) of a recording, that they are of the target's genre."""
        return float(self.model.predict_proba(vectors)[:, 1].mean())

    def scaled(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (K, E) in units of their spread over the training recordings: a space to measure distances in."""
        return self.model[0].transform(vectors)
