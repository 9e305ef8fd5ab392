"""TensorBoard: figures, sounds, pictures and the config."""

import json

from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from melgan_vc.training.held_out import HeldOut
from melgan_vc.training.loggers.base import RunLogger, Start


class TensorBoardLog(RunLogger, TensorBoardLogger):
    """Lightning's, but what was logged after the batch that a resumed training goes on from is hidden."""

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="tensorboard", version="", default_hp_metric=False)

    @property
    def writer(self) -> SummaryWriter:
        return self.experiment

    def begin(self, start: Start) -> None:
        if start.batch_count:
            self._kwargs["purge_step"] = start.batch_count + 1
        self.writer.add_text("config", f"```json\n{json.dumps(start.config, indent=1)}\n```", start.batch_count)

    def show(self, outcome: HeldOut) -> None:
        for clip in outcome.clips:
            for kind, waveform in clip.waveforms.items():
                name = f"held_out/{clip.name}/{kind}"
                self.writer.add_audio(name, waveform[None], outcome.batch, sample_rate=outcome.sample_rate)
            self.writer.add_figure(f"held_out/{clip.name}/mel", clip.figure, outcome.batch)
        self.writer.flush()
