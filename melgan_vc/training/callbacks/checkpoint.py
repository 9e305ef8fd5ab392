"""Keep the state of the training on disk: the last two checkpoints and the best ones by a held-out measure."""

import logging
import math
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from melgan_vc.bundle import BEST_NAME
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from melgan_vc.training.callbacks.checks import check_number, check_whole
from melgan_vc.training.checkpoint_files import (
    FOLDER,
    LAST,
    NEXT,
    PREVIOUS,
    abandon,
    best_name,
    best_names,
    bundle_of,
    candidates,
    duplicate,
)
from melgan_vc.training.checkpoint_io import read
from melgan_vc.training.held_out import HeldOut, HeldOutListener
from melgan_vc.training.module import MelganVC
from melgan_vc.training.monitor import monitor_of
from melgan_vc.training.ranks import agreed, from_first
from melgan_vc.training.shards import whole
from melgan_vc.training.snapshot import load_own, snapshot, snapshot_of

log = logging.getLogger(__name__)
MEGABYTE = 1e6


class KeptCheckpoints(HeldOutListener, Checkpoint):
    """Writes ``checkpoints/last.ckpt`` and keeps the one before as ``previous.ckpt``, the best as ``best_*.ckpt``.

    Beside each of the best lies the bundle of its generator, and that of the very best is also ``best.safetensors``.
    Lightning runs this callback after all others, so that what they keep is in the checkpoint.

    Args:
        every_batches: between two checkpoints.
        every_minutes: by the clock, at the latest; None for no such limit.
        keep_best: how many of the best are kept.
        monitor: the held-out measure that ranks them; "auto" for quality where it is measured, else mel_distance.
        mode: "min" if less of it is better, else "max"; None for the way that the measure is known to have.
    """

    def __init__(
        self,
        every_batches: int = 1000,
        every_minutes: float | None = 10.0,
        keep_best: int = 1,
        monitor: str = "auto",
        mode: str | None = None,
    ) -> None:
        self.every_batches = check_whole("checkpoint.every_batches", every_batches)
        minutes = (
            math.inf if every_minutes is None else check_number("checkpoint.every_minutes", every_minutes, above=0)
        )
        self.every_seconds = 60 * minutes
        self.keep_best = check_whole("checkpoint.keep_best", keep_best, lowest=0)
        self.monitor = monitor_of("checkpoint", monitor, mode)
        self.best: list[tuple[int, float]] = []  # batch and score, the best first
        self.ranked = False  # the networks as they are now are among the best
        self.written = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        self.written = time.monotonic()
        if trainer.is_global_zero:
            self.check_space(trainer, module)
            self.check_best(Path(trainer.default_root_dir), module, trainer.datamodule.audio)  # type: ignore[attr-defined]
        self.best = from_first(self.best)

    def check_space(self, trainer: L.Trainer, module: MelganVC) -> None:
        """Say what the checkpoints will take; refuse a disk without room for one."""
        one, most = checkpoint_bytes(module), 3 + self.keep_best  # one more while a new one is written
        run_dir = Path(trainer.default_root_dir)
        (run_dir / FOLDER).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=run_dir / FOLDER):
            pass  # a folder that cannot be written is known now
        files = {entry.st_ino: entry.st_size for entry in map(Path.stat, candidates(run_dir / FOLDER))}
        free = shutil.disk_usage(run_dir).free
        need = f"checkpoints take {one / MEGABYTE:.1f} MB each, {most * one / MEGABYTE:.1f} MB in all"
        if free < one:
            raise UserError(f"{run_dir}: {need}, and {free / MEGABYTE:.1f} MB are free; free some, or choose run_dir=")
        if free + sum(files.values()) < most * one:
            log.warning("warning: %s, but only %.1f MB are free in %s", need, free / MEGABYTE, run_dir)
        else:
            log.info("%s; %.1f GB are free", need, free / 1e9)

    def check_best(self, run_dir: Path, module: MelganVC, audio: AudioSpec) -> None:
        """Make the best ones on the disk those of the training that is resumed, and bundles that are damaged again.

        A kill may have come before the last one had its second name; a best bundle from after the batch that the
        training resumes from may not come to be again; a run that starts from another's checkpoint has none.
        """
        folder, best, batch = run_dir / FOLDER, run_dir / BEST_NAME, module.batch_count
        if any(entry[0] == batch for entry in self.best) and not (folder / best_name(batch)).exists():
            duplicate(folder / LAST, folder / best_name(batch))
        self.best = [entry for entry in self.best if (folder / best_name(entry[0])).exists()]
        for entry in list(self.best):
            checkpoint = folder / best_name(entry[0])
            if batches_of(bundle_of(checkpoint), module) is None and not rebuild_bundle(checkpoint, module, audio):
                self.best.remove(entry)
        batches = batches_of(best, module)
        if best.exists() and (batches is None or batches > batch):
            abandon(best, folder)
        kept = bundle_of(folder / best_name(self.best[0][0])) if self.best else None
        if kept is not None and kept.is_file() and not (best.is_file() and best.samefile(kept)):
            duplicate(kept, best)  # also where the one there is of a final validation, which no checkpoint knows of

    def on_held_out(self, trainer: L.Trainer, module: MelganVC, outcome: HeldOut) -> None:  # type: ignore[override]
        if self.monitor.choose(outcome):
            self.best = []  # scores of two measures cannot be compared
        score = self.monitor.score(outcome) if self.keep_best else None
        if score is None or module.bad_batches:  # no checkpoint is written now
            return
        if outcome.final:
            self.keep_final(trainer, module, score)
            return
        entries = [*(entry for entry in self.best if entry[0] != outcome.batch), (outcome.batch, score)]
        entries.sort(key=lambda entry: (entry[1], entry[0]), reverse=True)  # of equal scores, such as 0, the last
        self.best = entries[: self.keep_best]
        self.ranked = any(batch == outcome.batch for batch, _ in self.best)
        if not self.ranked:
            return
        generator = whole(module.best_generator)
        if trainer.is_global_zero:
            run_dir = Path(trainer.default_root_dir)
            bundle = bundle_of(run_dir / FOLDER / best_name(outcome.batch))
            snapshot(module, generator, trainer.datamodule.audio, module.held_out).save(bundle)  # type: ignore[attr-defined]
            if self.best[0][0] == outcome.batch:
                duplicate(bundle, run_dir / BEST_NAME)

    def keep_final(self, trainer: L.Trainer, module: MelganVC, score: float) -> None:
        """Make the bundle that the training ends with the best one, if it is; the ranking is for checkpoints alone."""
        if self.best and self.best[0][1] > score:
            return
        generator = whole(module.best_generator)
        if trainer.is_global_zero:
            path = Path(trainer.default_root_dir) / BEST_NAME
            snapshot(module, generator, trainer.datamodule.audio, module.held_out).save(path)  # type: ignore[attr-defined]

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: Any) -> None:  # type: ignore[override]
        due = module.batch_count % self.every_batches == 0
        if math.isfinite(self.every_seconds):
            due = bool(agreed(due or time.monotonic() - self.written >= self.every_seconds)[0])
        if not (due or trainer.should_stop or trainer.is_last_batch or self.ranked):
            return
        module.settle()  # which may find that this is the last one
        last = trainer.should_stop or trainer.is_last_batch
        # Never while updates are being skipped for NaN: what is saved must be good to go back to.
        if module.bad_batches == 0 or last:
            self.save(trainer, module)

    def save(self, trainer: L.Trainer, module: MelganVC) -> None:
        """Write the new checkpoint first, then rotate: at every moment one that is whole is there."""
        folder = Path(trainer.default_root_dir) / FOLDER
        ranked, self.ranked = self.ranked, False
        trainer.save_checkpoint(folder / NEXT, weights_only=False)
        self.written = time.monotonic()
        if not trainer.is_global_zero:
            return
        if (folder / LAST).exists():
            os.replace(folder / LAST, folder / PREVIOUS)
        os.replace(folder / NEXT, folder / LAST)
        if ranked:
            duplicate(folder / LAST, folder / best_name(module.batch_count))
        for path in best_names(folder):
            if path.name not in {best_name(batch) for batch, _ in self.best}:
                path.unlink()
                bundle_of(path).unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        return {"measure": self.monitor.name, "best": [list(entry) for entry in self.best]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        entries = [(batch, score) for batch, score in state["best"]]
        if any(type(batch) is not int or type(score) not in (int, float) for batch, score in entries):
            raise ValueError("the best are no batches with scores")
        monitor = self.monitor.resumed(state["measure"])
        if monitor is not None:
            self.monitor, self.best = monitor, entries[: self.keep_best]


def batches_of(bundle: Path, module: MelganVC) -> int | None:
    """Return the batches that a bundle was trained for; None if there is no such file, or none that can be read."""
    try:
        return int(load_own(bundle, module).provenance.get("batches", 0)) if bundle.exists() else None
    except UserError as error:
        log.warning("warning: %s", error)
        return None


def rebuild_bundle(checkpoint: Path, module: MelganVC, audio: AudioSpec) -> bool:
    """Make the bundle beside one of the best checkpoints again; False, with a warning, if that cannot be read."""
    path = bundle_of(checkpoint)
    try:
        snapshot_of(read(checkpoint), module, audio).save(path)
    except (UserError, RuntimeError) as error:  # damaged, or of other networks than are trained now
        log.warning("warning: %s: no bundle can be made of it (%s)", checkpoint, str(error).partition("\n")[0])
        return False
    log.info("%s was missing or damaged: made again from %s", path, checkpoint.name)
    return True


def checkpoint_bytes(module: MelganVC) -> int:
    """About what a checkpoint takes: all weights and averages, and two moments for each trained weight."""
    sizes = [size(value) for value in module.state_dict().values()]
    moments = [2 * size(parameter) for parameter in module.parameters() if parameter.requires_grad]
    return sum(sizes) + sum(moments) + 100_000


def size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
