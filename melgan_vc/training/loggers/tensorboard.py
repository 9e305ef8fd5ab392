"""TensorBoard: figures, sounds, pictures and the config."""

import json
from pathlib import Path

import matplotlib.image
import soundfile
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from melgan_vc.training.loggers.base import RunLogger, Start


class TensorBoardLog(RunLogger, TensorBoardLogger):
    """Lightning's, but what was logged after the batch that a resumed training goes on from is hidden."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="tensorboard", version="", default_hp_metric=False)

    @property
    def writer(self) -> SummaryWriter:
        return self.experiment

    def begin(self, start: Start) -> None:
        self._kwargs["purge_step"] = start.batch_count + 1
        self.writer.add_text("config", f"```json\n{json.dumps(start.config, indent=1)}\n```", start.batch_count)

    def show(self, batch: int, folder: Path) -> None:
        for path in sorted(folder.glob("*_*.wav")):
            waveform, rate = soundfile.read(path, dtype="float32")
            self.writer.add_audio(f"held_out/{path.stem.replace('_', '/')}", waveform[None], batch, sample_rate=rate)
        for path in sorted(folder.glob("*_*.png")):
            pixels = matplotlib.image.imread(path)[..., :3]
            self.writer.add_image(f"held_out/{path.stem.replace('_', '/')}", pixels, batch, dataformats="HWC")
        self.writer.flush()
