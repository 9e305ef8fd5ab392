"""How natural speech sounds: predicted mean opinion scores from 1 (bad) to 5 (excellent), higher is better.

The predictors' weights come with their packages, so nothing is downloaded. They were trained on ratings of English
speech at 16 kHz, and say nothing about music.
"""

import contextlib
import io
import logging
import math
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Protocol

import numpy as np
import soxr
import torch

from melgan_vc.errors import UserError

log = logging.getLogger(__name__)
RATED_RATE = 16000  # Hz
DNSMOS_MODEL = "dnsmos_models/sig_bak_ovr.onnx"
MOST_WINDOWS = 20  # of DNSMOS
SHORTEST = 0.2  # seconds; a score of less would be one of the padding
QUIETEST = 1e-4  # peak of what nobody would call speech

Rate = Callable[[np.ndarray, int], float]  # a waveform (N,) and its sample rate in Hz to a score; NaN where it has none


class Rater(Protocol):
    """A predictor, and the packages that compute it."""

    packages: tuple[str, ...]

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> float: ...


class DistillMos:
    """DistillMOS (arXiv:2502.05356), distilled from an XLS-R model of speech quality.

    A recording longer than its window of 7.68 s has the mean score of windows that start a second apart or less, as its
    authors have it. They rate all windows in one batch, which takes 65 MB for each; here it is one after the other.

    Raises:
        UserError: the package is not installed.
    """

    packages: tuple[str, ...] = ("distillmos", "xls_r_sqa")

    def __init__(self) -> None:
        try:
            from distillmos import ConvTransformerSQAModel
            from distillmos.sqa import MAX_HOP_LEN, SEQ_LEN
        except ImportError as error:
            raise missing("DistillMOS", "pip install --no-deps distillmos xls-r-sqa", error) from error
        with contextlib.redirect_stdout(io.StringIO()):  # where it names the file of its weights
            self.network = ConvTransformerSQAModel().eval()
        self.window, self.hop = SEQ_LEN, MAX_HOP_LEN

    @torch.inference_mode()
    def __call__(self, waveform: np.ndarray, sample_rate: int) -> float:
        speech = rated(waveform, sample_rate)
        if speech is None:
            return float("nan")
        over = max(0, len(speech) - self.window)
        starts = np.linspace(0, 1, math.ceil(over / self.hop) + 1)
        windows = [torch.from_numpy(speech[int(one * over) :][: self.window]) for one in starts]
        return float(np.mean([float(self.network(one[None])) for one in windows]))


class Dnsmos:
    """Overall quality by DNSMOS P.835 (arXiv:2110.01763), trained on speech with background noise.

    A recording shorter than its window of 9.01 s is repeated until it fills one. Its authors' script repeats it further
    and averages over up to nine windows of the same sound, which costs nine times as much, and computes a model of
    P.808, too. Of a longer recording, windows start at every second, as in that script; from 29 s on, 20 of them.

    Raises:
        UserError: a package is not installed.
    """

    packages: tuple[str, ...] = ("speechmos",)

    def __init__(self) -> None:
        try:
            import onnxruntime
            from speechmos import dnsmos
        except ImportError as error:
            raise missing("DNSMOS", "pip install --no-deps speechmos; pip install onnxruntime", error) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more spin while they wait, and slow others down
        model = str(resources.files("speechmos") / DNSMOS_MODEL)
        self.window = int(dnsmos.INPUT_LENGTH * RATED_RATE)
        self.seconds = dnsmos.INPUT_LENGTH
        self.network = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.fitted = dnsmos.DNSMOS.get_polyfit_val  # which reads nothing of its instance

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> float:
        speech = rated(waveform, sample_rate)
        if speech is None:
            return float("nan")
        if len(speech) < self.window:
            speech = np.resize(speech, self.window)  # repeats it
        scaled = speech / max(1.0, float(np.abs(speech).max()))
        count = int(len(scaled) // RATED_RATE - self.seconds) + 1
        starts = RATED_RATE * np.unique(np.linspace(0, count - 1, min(count, MOST_WINDOWS)).round().astype(int))
        windows = [scaled[start : start + self.window] for start in starts]
        raw = [self.network.run(None, {"input_1": one[None]})[0][0] for one in windows if len(one) == self.window]
        return float(np.mean([self.fitted(None, *scores, False)[-1] for scores in raw]))


def missing(name: str, remedy: str, error: ImportError) -> UserError:
    """Return the error for a package that is not installed."""
    return UserError(f"{name} is not measured: its package is not installed ({error}); {remedy}")


def rated(waveform: np.ndarray, sample_rate: int) -> np.ndarray | None:
    """Return a waveform (N,) at the predictors' sample rate; None where it is too short, silent or not finite."""
    if len(waveform) < SHORTEST * sample_rate or not np.isfinite(waveform).all():
        return None
    if np.abs(waveform).max() < QUIETEST:
        return None
    return soxr.resample(np.asarray(waveform, np.float32), sample_rate, RATED_RATE)


RATERS: dict[str, Callable[[], Rater]] = {"distillmos": DistillMos, "dnsmos": Dnsmos}  # by the names of their columns


def installed(names: Sequence[str]) -> dict[str, Rater]:
    """Return those of some predictors that are installed, by name; the others are named in the log."""
    found: dict[str, Rater] = {}
    for name in names:
        try:
            found[name] = RATERS[name]()
        except UserError as error:
            log.warning("warning: %s", error)
        except MemoryError:
            raise
        except Exception as error:  # of torch or ONNX Runtime, for damaged weights or those of another version
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("warning: %s is not measured: its weights cannot be used (%s); reinstall it", name, line)
    return found
