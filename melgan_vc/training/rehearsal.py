"""A few cycles of a training, as it would be, to see what they cost."""

import logging
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig
from torch.profiler import ProfilerActivity, profile

from melgan_vc.config.stored import escape
from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.errors import UserError
from melgan_vc.training import run
from melgan_vc.training.arithmetic import Arithmetic, known_arithmetic
from melgan_vc.training.build import build, build_trainer, settings_of
from melgan_vc.training.module import MelganVC
from melgan_vc.training.parts import Parts
from melgan_vc.training.run_config import settle
from melgan_vc.training.stop import Stop

SIDES = {"cpu": 2048, "cuda": 8192}  # of the matrices whose product is the yardstick
PRODUCTS = 5
LONG = 10**9  # batches
COMPUTED_IN = {  # by precision
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
}


@dataclass(frozen=True)
class Costs:
    """What cycles of a training cost.

    Attributes:
        cycles: seconds of each.
        parts: seconds a cycle of each part, means.
        arithmetic: of a cycle.
        product: FLOP/s of the machine's matrix product, in the type that the networks compute in.
        kind: that type.
        device: where.
        memory: bytes, the peak: resident without a GPU, else allocated there.
        before: bytes before there were networks and data.
    """

    cycles: Sequence[float]
    parts: dict[str, float]
    arithmetic: Arithmetic
    product: float
    kind: torch.dtype
    device: torch.device
    memory: int
    before: int

    @property
    def cycle(self) -> float:
        """Median seconds."""
        return statistics.median(self.cycles)

    @property
    def device_name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "the CPU"


class Cycles(L.Callback):
    """Ends a training after so many cycles, some of them to warm up, and one more that is traced.

    Args:
        batches: of a cycle.
        warm_up, measured: cycles.
        trace: file for Chrome's trace viewer or Perfetto.
    """

    def __init__(self, batches: int, warm_up: int, measured: int, trace: Path) -> None:
        self.parts = Parts()
        self.batches, self.warm_up, self.measured = batches, warm_up, measured
        self.trace = trace
        self.times: list[float] = []
        self.spent: dict[str, float] = {}
        self.memory = 0
        self.tracer: profile | None = None

    def on_train_start(self, trainer: L.Trainer, module: MelganVC) -> None:  # type: ignore[override]
        self.device = module.device  # afterwards the module is on the CPU
        self.parts.watch(module, trainer.optimizers)

    def on_train_batch_end(self, trainer: L.Trainer, module: MelganVC, *_: object) -> None:  # type: ignore[override]
        done, rest = divmod(module.batch_count, self.batches)
        if rest:
            return
        if self.warm_up <= done <= self.warm_up + self.measured:
            settled(module.device)
            self.times.append(time.perf_counter())
        if done == self.warm_up:
            self.parts.begin()
        elif done == self.warm_up + self.measured:
            self.spent = self.parts.end()
            self.memory = peak_memory(module.device)  # before tracing takes its own
            self.parts.traced = True
            activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self.parts.cuda else [])]
            self.tracer = profile(activities=activities, acc_events=True)
            self.tracer.__enter__()
        elif self.tracer is not None:
            self.parts.traced = False
            self.tracer.__exit__(None, None, None)
            self.tracer.export_chrome_trace(str(self.trace))
            trainer.should_stop = True


def rehearse(
    cfg: DictConfig, folder: Path, callbacks: Sequence[L.Callback], profiler: Profiler | None = None
) -> tuple[MelganVC, L.Trainer]:
    """Train as a config says until a callback ends it, with a run directory inside a folder.

    Args:
        cfg: of a training.
        folder: to throw away afterwards.
        callbacks: after all others; one of them ends the training, whatever the config says of its length.
        profiler: Lightning's.
    """
    run.quicken()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    cfg = cfg.copy()
    cfg.resume = None
    cfg.trainer.update(max_batches=LONG, max_minutes=None, devices=1)
    if cfg.callbacks.get("validation") is not None:
        cfg.callbacks.validation.at_end = False  # a rehearsal ends early
    if "wandb" in cfg.logger:
        cfg.logger.wandb = None  # nobody wants to see this there
    cfg.run_dir = escape(folder / "run")
    cfg = settle(cfg)
    module, data = build(cfg)
    trainer = build_trainer(cfg, 0, Stop(), profiler)
    trainer.callbacks += callbacks  # type: ignore[attr-defined]
    data.setup()
    module.about = settings_of(cfg, data)
    loggers = run.begin_loggers(cfg, trainer, module, None)
    try:
        trainer.fit(module, datamodule=data)
    finally:
        for logger in loggers:
            logger.close(False)
    return module, trainer


def measure(cfg: DictConfig, folder: Path, cycles: int, warm_up: int, trace: Path) -> Costs:
    """Costs of a config's training.

    Args:
        cfg: of a training.
        folder: see :func:`rehearse`.
        cycles: that count.
        warm_up: cycles before.
        trace: see :class:`Cycles`.

    Raises:
        UserError: the training ended before all was measured.
    """
    before = peak_memory(torch.device("cpu"))
    watch = Cycles(cfg.optim.generator_every, warm_up, cycles, trace)
    module, trainer = rehearse(cfg, folder, [watch], watch.parts)
    if not trace.is_file():
        raise UserError(module.failure or "the training ended before its cycles were measured")
    device = watch.device
    data: ChunkDataModule = trainer.datamodule  # type: ignore[attr-defined]
    kind = COMPUTED_IN.get(str(trainer.precision), torch.float32)
    return Costs(
        [later - earlier for earlier, later in pairwise(watch.times)],
        {part: spent / cycles for part, spent in watch.spent.items()},
        known_arithmetic(module, data.batch_size, data.audio.n_mels) or Arithmetic({}, cfg.optim.generator_every),
        matrix_product(kind, device),
        kind,
        device,
        watch.memory,
        0 if device.type == "cuda" else before,
    )


def matrix_product(kind: torch.dtype, device: torch.device) -> float:
    """FLOP/s of a product of square matrices, the median of a few."""
    side = SIDES.get(device.type, SIDES["cpu"])
    one, other = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    rates = []
    for _ in range(PRODUCTS + 1):
        settled(device)
        begun = time.perf_counter()
        torch.mm(one, other)
        settled(device)
        rates.append(2 * side**3 / (time.perf_counter() - begun))
    return statistics.median(rates[1:])


def settled(device: torch.device) -> None:
    """Wait for what was given to a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device: torch.device) -> int:
    """The most bytes that were ever allocated on a GPU, or else resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.is_file():  # for Linux's other answer holds what the process was started by, too
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(peak.split()[1])
    peak_resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_resident if sys.platform == "darwin" else 1024 * peak_resident
