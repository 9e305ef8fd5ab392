"""TensorBoard: figures, sounds, pictures and the config."""

import json
from pathlib import Path

import matplotlib.image
import soundfile
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from melgan_vc.training.loggers.base import RunLogger, Start

AUDIO, MELS = "held_out_audio", "held_out_mel"


class TensorBoardLog(RunLogger, TensorBoardLogger):
    """Lightning's TensorBoardLogger; what was logged after the batch that a training resumes from is hidden."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="tensorboard", version="", default_hp_metric=False)

    @property
    def writer(self) -> SummaryWriter:
        return self.experiment

    def begin(self, start: Start) -> None:
        self._kwargs["purge_step"] = start.batch_count + 1
        self.writer.add_text("config", f"```json\n{json.dumps(start.config, indent=1)}\n```", start.batch_count)

    def show(self, batch: int, folder: Path) -> None:
        # A tag holds one kind of data: TensorBoard shows neither sound nor picture where both have the same one.
        for path in sorted(folder.glob("*_*.wav")):
            waveform, rate = soundfile.read(path, dtype="float32")
            self.writer.add_audio(tag(AUDIO, path), waveform[None], batch, sample_rate=rate)
        for path in sorted(folder.glob("*_*.png")):
            pixels = matplotlib.image.imread(path)[..., :3]
            self.writer.add_image(tag(MELS, path), pixels, batch, dataformats="HWC")
        self.writer.flush()


def tag(group: str, path: Path) -> str:
    """Return the tag of a clip's file, such as held_out_audio/01/converted for 01_converted.wav."""
    return f"{group}/{path.stem.replace('_', '/')}"
