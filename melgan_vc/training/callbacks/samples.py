"""Hear the training: held-out clips converted now and then."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from torch import Tensor

from melgan_vc.audio import io
from melgan_vc.audio.inversion import GriffinLim
from melgan_vc.audio.pictures import mel_figure, save_figure
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.inference.converter import Converter
from melgan_vc.training.callbacks.every import check_every
from melgan_vc.training.module import MelganVC
from melgan_vc.training.snapshot import snapshot


class HeldOutSamples(L.Callback):
    """Converts clips of the source's validation recordings, to files and to each logger that takes audio or pictures.

    Both the clip and its conversion pass through the same inversion, so that they differ by the generator alone.

    Args:
        every_batches: between two rounds.
        clips: how many recordings.
        seconds: of each, at most.
    """

    def __init__(self, every_batches: int = 1000, clips: int = 2, seconds: float = 4.0) -> None:
        self.every_batches = check_every("samples", every_batches)
        self.clips = clips
        self.seconds = seconds
        self.inverter: GriffinLim | None = None

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        if module.batch_count % self.every_batches == 0 and trainer.is_global_zero:
            self.convert(trainer, module)

    def convert(self, trainer: L.Trainer, module: MelganVC) -> None:
        """One round: files under ``samples/``, audio and pictures to the loggers."""
        data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if self.inverter is None:
            self.inverter = GriffinLim(data.audio)
        converter = Converter(snapshot(module, data.audio))
        folder = Path(trainer.default_root_dir) / "samples" / f"batch_{module.batch_count:07d}"
        for number, mel in enumerate(data.held_out("source", self.clips, self.seconds), start=1):
            converted = converter.convert(mel)
            sounds = {"source": self.invert(mel), "converted": self.invert(converted)}
            for name, waveform in sounds.items():
                io.write(folder / f"{number:02d}_{name}.wav", waveform[None], data.audio.sample_rate)
            figure = mel_figure({"source": mel.numpy(), "converted": converted.numpy()}, data.audio)
            save_figure(figure, folder / f"{number:02d}.png")
            for logger in trainer.loggers:
                show(logger, f"held_out/{number:02d}", sounds, figure, data.audio.sample_rate, module.batch_count)

    def invert(self, mel: Tensor) -> np.ndarray:
        assert self.inverter is not None
        return self.inverter(mel[None])[0].numpy()


def show(logger: Any, name: str, sounds: dict[str, np.ndarray], figure: Any, rate: int, batch: int) -> None:
    """Send waveforms (N,) and a picture to a logger, if it takes them."""
    if isinstance(logger, TensorBoardLogger):
        for kind, waveform in sounds.items():
            logger.experiment.add_audio(f"{name}/{kind}", waveform[None], batch, sample_rate=rate)
        logger.experiment.add_figure(f"{name}/mel", figure, batch)
    elif isinstance(logger, WandbLogger):
        import wandb

        media: dict[str, Any] = {
            f"{name}/{kind}": wandb.Audio(waveform, sample_rate=rate) for kind, waveform in sounds.items()
        }
        logger.experiment.log(media | {f"{name}/mel": wandb.Image(figure), "trainer/global_step": batch})
