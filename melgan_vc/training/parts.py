"""Where the time of a training goes: each moment counts for one part."""

import re
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from lightning.pytorch.profilers import Profiler
from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.optim import Optimizer

from melgan_vc.training.module import MelganVC

FRAMEWORK, DATA, LOSSES, OPTIMIZERS, AVERAGE = "framework", "data", "losses", "optimizers", "moving average"
NETWORKS = ("generator", "siamese", "discriminator")
FORWARD, BACKWARD = "forward", "backward"


def part_of(action: str) -> str | None:
    """The part that a name of Lightning's belongs to; None for the part that it happens in."""
    name = action.rpartition(".")[2]
    if name in ("train_dataloader_next", "batch_to_device") or action.startswith("[LightningDataModule]"):
        return DATA
    callback = re.match(r"\[Callback\](\w+)", action)
    if callback:
        return f"callback {callback[1]}"
    if name == "training_step":
        return LOSSES  # and what else is in a step beside the networks
    return None


class Parts(Profiler):
    """The time between any two marks, given to the part that was at work.

    Lightning tells when its parts begin and end; calls of networks and optimizers and backward passes are watched here,
    and in one of those the next network is at work when the gradient of its output is there. On a GPU the marks are
    events in its queue, so that nothing waits: then times hold what the queue waited for its next kernel.

    Attributes:
        traced: parts are marked for torch's profiler, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cuda = False
        self.working = [FRAMEWORK]
        self.going_back = False
        self.marks: list[tuple[str, Any]] | None = None  # what was at work until then
        self.traced = False
        self.records: list[record_function | None] = []

    def begin(self) -> None:
        """Count from now on."""
        self.marks = []
        self.mark()

    def end(self) -> dict[str, float]:
        """Seconds by part since the beginning."""
        self.mark()
        marks, self.marks = self.marks or [], None
        if self.cuda:
            torch.cuda.synchronize()
        spent: Counter[str] = Counter()
        for (_, before), (part, now) in pairwise(marks):
            spent[part] += before.elapsed_time(now) / 1000 if self.cuda else now - before
        return dict(spent)

    def mark(self) -> None:
        if self.marks is None:
            return
        if self.cuda:
            now: Any = torch.cuda.Event(enable_timing=True)
            now.record()
        else:
            now = time.perf_counter()
        self.marks.append((self.working[-1], now))

    def start(self, action_name: str) -> None:
        self.enter(part_of(action_name) or self.working[-1])

    def stop(self, action_name: str) -> None:
        if len(self.working) > 1:  # Lightning ends what it never began where a loader has no more
            self.leave()

    def enter(self, part: str) -> None:
        self.mark()
        self.working.append(part)
        self.records.append(record_function(part) if self.traced else None)
        if self.records[-1] is not None:
            self.records[-1].__enter__()

    def leave(self) -> None:
        self.mark()
        self.working.pop()
        record = self.records.pop()
        if record is not None:
            record.__exit__(None, None, None)

    def turn(self, part: str) -> None:
        """In a backward pass another part goes on in place of the present one."""
        if self.going_back:  # else a loss asks for gradients of its own
            self.leave()
            self.enter(part)

    def summary(self) -> str:
        return ""

    def watch(self, module: MelganVC, optimizers: list[Optimizer]) -> None:
        """Tell the module's networks, optimizers and average apart."""
        self.cuda = module.device.type == "cuda"
        for name in NETWORKS:
            self.watch_network(getattr(module, name), name)
        for optimizer in optimizers:
            optimizer.register_step_pre_hook(lambda *_: self.enter(OPTIMIZERS))
            optimizer.register_step_post_hook(lambda *_: self.leave())
        module.manual_backward = self.backward(module.manual_backward)  # type: ignore[method-assign]
        if module.average is not None:
            module.average.update = self.inside(AVERAGE, module.average.update)  # type: ignore[method-assign]
        module.log_latest = self.inside("loggers", module.log_latest)  # type: ignore[method-assign]

    def watch_network(self, network: nn.Module, name: str) -> None:
        # Not by hooks: those would cut a compiled network in pieces.
        call = network._compiled_call_impl or network._call_impl

        def watched(*items: Any, **more: Any) -> Tensor:
            out = self.inside(f"{name} {FORWARD}", call)(*items, **more)
            if out.requires_grad:
                out.register_hook(lambda _: self.turn(f"{name} {BACKWARD}"))
            return out

        network._compiled_call_impl = watched

    def backward(self, call: Callable[..., None]) -> Callable[..., None]:
        """A backward pass, whose beginning counts for the losses."""
        inside = self.inside(LOSSES, call)

        def counted(*items: Any, **more: Any) -> None:
            self.going_back = True
            try:
                inside(*items, **more)
            finally:
                self.going_back = False

        return counted

    def inside(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call that counts for a part."""

        def counted(*items: Any, **more: Any) -> Any:
            self.enter(part)
            try:
                return call(*items, **more)
            finally:
                self.leave()

        return counted
