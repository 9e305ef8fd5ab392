"""As many processes for a preparation as the memory has room for; they end with the one that started them."""

import logging
import os
import signal
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, forkserver, get_context, parent_process
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from melgan_vc.data.meter import Meter
from melgan_vc.data.units import Settings, Unit, do
from melgan_vc.errors import UserError
from melgan_vc.memory import keep_freed_memory
from melgan_vc.temporary import host
from melgan_vc.terminal import Bar

log = logging.getLogger(__name__)
TRACE = "decoding-{}.txt"  # by process, for several machines may work in one folder
SMALL = 32_000_000  # bytes of recordings that are not worth starting processes for
WORKER_BYTES = 150_000_000  # of memory for each process
SPEECH_BYTES = 700_000_000  # where it loads torch to find speech
OWN_BYTES = 600_000_000  # of the process that starts them


def processes(workers: int | str, memory_gb: float, units: Sequence[Unit], each: int = WORKER_BYTES) -> int:
    """How many processes, of so many bytes each, to prepare units with; 0 for this one alone."""
    if isinstance(workers, bool) or not (workers == "auto" or (isinstance(workers, int) and workers >= 0)):
        raise UserError(f"prepare.workers is {workers!r}: give auto or a whole number; 0 starts no process")
    if isinstance(memory_gb, bool) or not isinstance(memory_gb, int | float) or memory_gb <= 0:
        raise UserError(f"prepare.memory_gb is {memory_gb!r}: give a number above 0")
    if workers == "auto":
        if sum(unit.size for unit in units) < SMALL:
            return 0
        workers = os.cpu_count() or 1
    room = max(1, int(memory_gb * 1e9 - OWN_BYTES) // each)
    return min(int(workers), room, len(units))


def work(units: Sequence[Unit], folder: Path, settings: Settings, count: int, progress: bool) -> None:
    """Do units, the largest first, in ``count`` processes, or here if that is 0."""
    todo = sorted(units, key=lambda unit: unit.size, reverse=True)
    total = sum(unit.size for unit in units)
    disable = None if progress else True
    with Bar(desc="preparing", total=total, unit="B", unit_scale=True, disable=disable) as bar:
        start, finished = time.monotonic(), 0
        for meter, done in results(todo, folder, settings, count):
            finished += done
            bar.update(max(finished, min(meter.size, total), bar.n) - bar.n)
            hours = meter.seconds / 3600
            speed = meter.seconds / max(time.monotonic() - start, 1e-9)
            bar.set_postfix_str(f"{hours:.2f} h of sound, {speed:.0f}x real time", refresh=False)


def results(units: Sequence[Unit], folder: Path, settings: Settings, count: int) -> Iterator[tuple[Meter, int]]:
    """Do units; gives, every now and then, the meter and the bytes of recordings that were done since."""
    if count == 0:
        meter = Meter()
        for unit in units:
            do(unit, folder, settings, meter)
            yield meter, unit.size
        return
    begin()
    try:
        yield from results_of_several(units, folder, settings, count)
    except BrokenProcessPool:
        log.warning("warning: a process that prepared recordings was killed, perhaps for its memory, or crashed; what "
                    "is left is prepared in one process")  # fmt: skip
        yield from results_of_one(units, folder, settings)


def results_of_several(
    units: Sequence[Unit], folder: Path, settings: Settings, count: int
) -> Iterator[tuple[Meter, int]]:
    """Do units in several processes; see :func:`results`.

    Raises:
        BrokenProcessPool: one of them was killed.
    """
    with pool(get_context("forkserver"), count) as (executor, meter):
        running = {executor.submit(do_in_worker, unit, folder, settings): unit for unit in units}
        while running:
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                log_again(future.result())
            yield meter, sum(running.pop(future).size for future in finished)


def results_of_one(units: Sequence[Unit], folder: Path, settings: Settings) -> Iterator[tuple[Meter, int]]:
    """Do what is left of units in one process at a time, so that a recording that ends it can be told and skipped.

    Raises:
        UserError: it ends whatever is decoded.
    """
    trace = folder / TRACE.format(f"{host()}-{os.getpid()}")
    refused: set[str] = set()
    left = [unit for unit in units if unit.result(folder, settings.audio.n_mels) is None]
    while left:
        trace.unlink(missing_ok=True)
        try:
            with pool(get_context("forkserver"), 1) as (executor, meter):
                while left:
                    done = executor.submit(do_in_worker, left[0], folder, settings, frozenset(refused), trace)
                    log_again(done.result())
                    yield meter, left.pop(0).size
        except BrokenProcessPool as error:
            name = trace.read_text(encoding="utf-8", errors="surrogatepass") if trace.is_file() else ""
            if not name or name in refused:
                raise UserError(
                    "a process that prepared recordings was killed, perhaps for its memory: lower prepare.workers or "
                    "prepare.memory_gb; what is done is kept"
                ) from error
            refused.add(name)


def begin() -> None:
    """Start the process that others are forked from, if it is not there yet; it loads what they need meanwhile."""
    get_context("forkserver").set_forkserver_preload([__name__])
    forkserver.ensure_running()


@contextmanager
def pool(context: ForkServerContext, count: int) -> Iterator[tuple[Executor, Meter]]:
    """Processes that end with this one, and at once where the body fails."""
    shared = context.Array("d", 2)
    executor = ProcessPoolExecutor(count, context, initializer=begin_worker, initargs=(shared,))
    try:
        yield executor, Meter(shared)
    except BaseException:
        for process in list((executor._processes or {}).values()):
            process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


Note = tuple[str, int, str]  # logger, level and text of what a worker logged


class Notes(logging.Handler):
    """Keeps what a worker logs, for only the first process knows what stands on the terminal.

    Attributes:
        notes: that were not passed on yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[Note] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.notes.append((record.name, record.levelno, record.getMessage()))


def log_again(notes: Iterable[Note]) -> None:
    """Log what a worker logged."""
    for name, level, text in notes:
        logging.getLogger(name).log(level, "%s", text)


METER: list[Meter] = []  # of a worker
NOTES = Notes()


def begin_worker(shared: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the first process ends the others
    METER[:] = [Meter(shared)]
    logging.getLogger().addHandler(NOTES)
    keep_freed_memory()
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """Where the first process is killed, nobody is left to ask for what is done here."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def do_in_worker(
    unit: Unit, folder: Path, settings: Settings, refused: Collection[str] = (), trace: Path | None = None
) -> list[Note]:
    """Do a unit; returns what was logged."""
    NOTES.notes = []
    do(unit, folder, settings, METER[0], refused, trace)
    return NOTES.notes
