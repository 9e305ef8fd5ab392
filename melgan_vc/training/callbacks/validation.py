"""Validate a training on recordings that it never sees."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L

from melgan_vc.audio import io
from melgan_vc.audio.pictures import save_figure, save_mel
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.measures.naturalness import RATERS
from melgan_vc.measures.pitch import TRACKERS
from melgan_vc.measures.words import check_installed
from melgan_vc.training.callbacks.checks import check_number, check_whole
from melgan_vc.training.held_out import HeldOut, HeldOutListener
from melgan_vc.training.held_out_protocol import HeldOutProtocol
from melgan_vc.training.held_out_voices import VoiceModels
from melgan_vc.training.loggers.base import RunLogger
from melgan_vc.training.module import MelganVC
from melgan_vc.training.randomness import undisturbed
from melgan_vc.training.ranks import agreed, from_first
from melgan_vc.training.shards import whole
from melgan_vc.training.stop import Stop

log = logging.getLogger(__name__)


class HeldOutValidation(L.Callback):
    """Convert the source's validation recordings and measure the result; each HeldOutListener is given it.

    The measures, by name under ``held_out/``:
        mel_distance: of the conversions from the target's recordings, in dB: level, spread and change of each mel bin.
        travel: the TraVeL loss on first and last chunks of held-out windows.
        content_agreement: share of chunks whose translation the siamese network finds among all others.
        spread: how varied conversions are against their sources; near 0 they have collapsed into one.
        change: how far conversion moves a chunk; near 0 the generator returns its input.
        seam_ratio: change from frame to frame where chunks meet against elsewhere; 1 is no seam.
        silence_level: of converted silence against the conversions, in dB; should be far below 0.
        f0_ratio: median F0 of the conversions over the target's.
        to_target, to_source: cosine of speaker embeddings, where resemblyzer is installed.
        distillmos, dnsmos: how natural the conversions sound, 1 to 5, where the predictor is installed.
        cer, wer: error rates of the words that are recognised, where they are asked for.
        quality: words, likeness and naturalness as one number, where all of them are measured; see
            :mod:`melgan_vc.measures.quality`. Its floors and ceilings are the previews of source and target.

    Args:
        every_batches: between two validations.
        clips: recordings of each domain, at most.
        seconds: of each, at most.
        listen: how many of the clips become sound: files, loggers, and the measures of voices.
        voice: measure what voices have; of no use for music.
        naturalness: names of its predictors, "distillmos" and "dnsmos"; none measures none.
        words: recognise words, in English; takes about 2 s a clip on a CPU.
        pitch: name of the F0 tracker, "swift_f0" or "pyin".
        at_end: validate once more when the training ends between two validations, also by its time limit or a guard;
            not after Ctrl-C and SIGTERM, which are to end it soon.
    """

    def __init__(
        self,
        every_batches: int = 1000,
        clips: int = 8,
        seconds: float = 10.0,
        listen: int = 2,
        voice: bool = True,
        naturalness: Sequence[str] = ("distillmos",),
        words: bool = False,
        pitch: str = "swift_f0",
        at_end: bool = True,
    ) -> None:
        self.every_batches = check_whole("callbacks.validation.every_batches", every_batches)
        check_whole("callbacks.validation.clips", clips)
        check_number("callbacks.validation.seconds", seconds, above=0)
        check_whole("callbacks.validation.listen", listen, lowest=0)
        for name, value in (("voice", voice), ("words", words), ("at_end", at_end)):
            if not isinstance(value, bool):
                raise UserError(f"callbacks.validation.{name} is {value!r}: give true or false")
        check_voices(voice and listen > 0, naturalness, words, pitch)
        self.at_end = at_end
        self.settings = (clips, seconds, listen)
        self.models = {"pitch": pitch, "naturalness": tuple(naturalness), "words": words} if voice and listen else None
        self.protocol: HeldOutProtocol | None = None

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if self.models and self.models["words"] and trainer.is_global_zero and data.splits["source"].validation:
            self.load_protocol(data, module)  # now, so that a recogniser that does not work is known before any batch

    def load_protocol(self, data: ChunkDataModule, module: MelganVC) -> HeldOutProtocol:
        """Return what measures, with its models; they are loaded once, and the training does not notice."""
        if self.protocol is None:
            with undisturbed():
                models = VoiceModels.load(**self.models) if self.models is not None else None  # type: ignore[arg-type]
                self.protocol = HeldOutProtocol(data, *self.settings, models, module.about.get("inversion"))
        return self.protocol

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches == 0:
            self.validate(trainer, module)

    def on_train_end(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        is_validated = module.held_out.get("measured_at_batch") == module.batch_count
        is_interrupted = any(
            callback.signal is not None
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            if isinstance(callback, Stop)
        )
        skip = not self.at_end or is_validated or is_interrupted or module.bad_batches > 0
        if not agreed(skip)[0]:
            self.validate(trainer, module, final=True)

    def validate(self, trainer: L.Trainer, module: MelganVC, final: bool = False) -> None:
        """Validate in the first process; the others wait for its measures.

        Args:
            trainer, module: of the training.
            final: whether the training has ended.
        """
        data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if not data.splits["source"].validation:
            return  # the data module has warned that nothing is held out
        module.settle()
        generator, siamese = whole(module.best_generator), whole(module.siamese)
        if trainer.is_global_zero:
            protocol = self.load_protocol(data, module)
            outcome = replace(protocol.measure(generator, siamese, module.batch_count), final=final)
            self.show(trainer, outcome)
            if final:
                log.info("validated after batch %d; samples: %s", outcome.batch, self.folder(trainer, outcome))
            from_first(outcome.measures)
        else:
            outcome = HeldOut(module.batch_count, from_first({}), (), data.audio.sample_rate, final)
        module.held_out = {**outcome.measures, "measured_at_batch": outcome.batch}
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, HeldOutListener):
                callback.on_held_out(trainer, module, outcome)

    def folder(self, trainer: L.Trainer, outcome: HeldOut) -> Path:
        """Return the folder of a validation's samples."""
        return Path(trainer.default_root_dir) / "samples" / f"batch_{outcome.batch:07d}"

    def show(self, trainer: L.Trainer, outcome: HeldOut) -> None:
        """Write the clips as files and show them to the loggers."""
        folder = self.folder(trainer, outcome)
        write_samples(outcome, folder)
        for logger in trainer.loggers:
            logger.log_metrics({f"held_out/{name}": value for name, value in outcome.measures.items()}, outcome.batch)
            if isinstance(logger, RunLogger):
                logger.show(outcome.batch, folder)
            logger.save()


def check_voices(heard: bool, naturalness: Sequence[str], words: bool, pitch: str) -> None:
    """Refuse what voices cannot be measured with.

    Args:
        heard: whether voices are measured at all.
        naturalness, words, pitch: see :class:`HeldOutValidation`.

    Raises:
        UserError: there is no such predictor or tracker, or no recogniser, or nothing for it to hear.
    """
    if isinstance(naturalness, str) or not set(naturalness) <= set(RATERS):
        raise UserError(f"callbacks.validation.naturalness is {naturalness!r}: give a list of {', '.join(RATERS)}")
    if pitch not in TRACKERS:
        raise UserError(f"callbacks.validation.pitch is {pitch!r}: give one of {', '.join(TRACKERS)}")
    if words and not heard:
        raise UserError("callbacks.validation.words=true needs clips to hear: give voice=true, and listen above 0")
    try:
        if words:
            check_installed()
    except UserError as error:
        raise UserError(f"callbacks.validation.words=true: {error}; or omit words") from error


def write_samples(outcome: HeldOut, folder: Path) -> None:
    """Write each clip as WAV files and pictures."""
    for clip in outcome.clips:
        for kind, waveform in clip.waveforms.items():
            io.write(folder / f"{clip.name}_{kind}.wav", waveform[None], outcome.sample_rate)
        for kind, mel in clip.mels.items():
            save_mel(mel.numpy(), folder / f"{clip.name}_{kind}.png")
        save_figure(clip.figure, folder / f"{clip.name}.png")
