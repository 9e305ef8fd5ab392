"""Word preservation: what a speech recogniser hears in a conversion, compared with the source."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np

from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError

RECOGNISED_RATE = 16000  # Hz
PEAK = 0.5  # that recordings are scaled to, so that the level does not count

SILENT = 1e-4  # peak of what nobody would call speech

Recognise = Callable[[np.ndarray, int], str]  # a waveform (N,) and its sample rate to its words


class PocketSphinx:
    """CMU's recogniser of English, whose model comes with its package; others by their path.

    Args:
        model: folder of another acoustic model; None for the package's.
        language_model, dictionary: files that go with it.

    Raises:
        UserError: it is not installed, or a path is wrong.
    """

    def __init__(
        self, model: str | None = None, language_model: str | None = None, dictionary: str | None = None
    ) -> None:
        given = {"hmm": model, "lm": language_model, "dict": dictionary}
        paths = {name: str(existing(path)) for name, path in given.items() if path is not None}
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise UserError("recogniser=pocketsphinx: pip install pocketsphinx, or say recogniser=none") from error
        try:
            self.decoder = Decoder(samprate=RECOGNISED_RATE, cmn="batch", loglevel="FATAL", **paths)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"recogniser: {error}; give model, language_model and dictionary that fit") from error

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> str:
        if np.abs(waveform).max(initial=0.0) < SILENT:
            return ""  # where it would hear some short word
        self.decoder.reinit_feat()  # else it adapts to what it heard before
        self.decoder.start_utt()
        self.decoder.process_raw((scaled(waveform, sample_rate) * 32767).astype("<i2").tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return plain(found.hypstr) if found is not None else ""


class Whisper:
    """A Whisper-like recogniser of the transformers library in a local folder; nothing is downloaded.

    Args:
        model: folder with its weights (safetensors), config, tokeniser and preprocessor.
        language: such as "en"; None lets it guess.

    Raises:
        UserError: the library is not installed, or the folder holds no such model.
    """

    def __init__(self, model: str, language: str | None = None) -> None:
        folder = existing(model)
        try:
            from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor
        except ImportError as error:
            raise UserError("recogniser=whisper: pip install transformers, or say recogniser=none") from error
        try:
            self.network = AutoModelForSpeechSeq2Seq.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
            self.processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            line = str(error).strip().splitlines()[0]
            raise UserError(
                f"{folder}: holds no recogniser ({line}); give a folder as transformers saves it"
            ) from error
        self.options = {} if language is None else {"language": language}

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> str:
        heard = scaled(waveform, sample_rate)
        inputs = self.processor(heard, sampling_rate=RECOGNISED_RATE, return_tensors="pt")
        tokens = self.network.generate(inputs.input_features, do_sample=False, **self.options)
        return plain(self.processor.batch_decode(tokens, skip_special_tokens=True)[0])


def existing(path: str) -> Path:
    found = expand_user(path)
    if not found.exists():
        raise UserError(f"recogniser: {found} does not exist; give a path on this machine")
    return found


def scaled(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """A waveform (N,) as recognisers take it."""
    heard = librosa.resample(waveform, orig_sr=sample_rate, target_sr=RECOGNISED_RATE)
    return heard / max(float(np.abs(heard).max()), 1e-9) * PEAK


def plain(text: str) -> str:
    """A transcript in small letters, without marks."""
    return " ".join(re.sub(r"[^\w' ]+", " ", text.lower()).split())


def error_rates(reference: str, found: str) -> tuple[float, float]:
    """Character and word error rate of a transcript: edits of each a character or word of the reference, 0 is best.

    NaN where nothing was heard in the reference.
    """
    if not reference:
        return float("nan"), float("nan")
    import jiwer

    return jiwer.cer(reference, found), jiwer.wer(reference, found)


def usable(build: Callable[[], Recognise] | None) -> Recognise | None:
    """Return a recogniser; None, with a warning, where it is not installed."""
    if build is None:
        return None
    try:
        import jiwer  # noqa: F401

        return build()
    except (UserError, ImportError) as error:
        logging.getLogger(__name__).warning("warning: words are not compared: %s", error)
        return None
