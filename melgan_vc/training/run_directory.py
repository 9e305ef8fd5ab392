"""A run directory while a training has it: claimed by one process, and explained when its disk is full."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from melgan_vc.bundle import NAME
from melgan_vc.errors import UserError
from melgan_vc.files import open_lock
from melgan_vc.temporary import remove_abandoned
from melgan_vc.text import printable
from melgan_vc.training.checkpoint_files import FOLDER, candidates

LOCK = ".lock"
SAMPLES = "samples"
WRITTEN = {  # folders that a training and its loggers write to, and which of their entries must not lead elsewhere
    FOLDER: "**/*",
    SAMPLES: "**/*",
    "tensorboard": "**/*",
    "wandb": "*",  # each part gets a folder of its own, where wandb links to its own log in a cache
}


@contextmanager
def claimed(run_dir: Path, resuming: bool) -> Iterator[None]:
    """Have a run directory to oneself, made before the work begins, so that one that cannot be written is known early.

    Raises:
        UserError: another process trains in it, it holds a training that is not to be resumed, or links that lead out
            of it.
    """
    if not resuming and ((run_dir / NAME).exists() or any(candidates(run_dir / FOLDER))):
        raise UserError(
            f"{run_dir}: holds a training already; say resume=auto to go on with it, or give another run_dir"
        )
    absent = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    run_dir.mkdir(parents=True, exist_ok=True)
    with unless_unused(run_dir, absent), locked(run_dir / LOCK):
        check_links(run_dir)
        remove_leftovers(run_dir)
        yield


def check_links(run_dir: Path) -> None:
    """Refuse links out of a run directory where a training writes: a stranger's run must not choose files elsewhere.

    Raises:
        UserError: there is one.
    """
    inside = os.path.realpath(run_dir)
    for name, entries in WRITTEN.items():
        for path in (run_dir / name, *(run_dir / name).glob(entries)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):
                raise UserError(
                    f"{printable(path)}: is a link that leads out of the run directory, where a training would write; "
                    "put a copy of what it points to in its place, or the whole run there (docs/trust.md)"
                )


def remove_leftovers(run_dir: Path) -> None:
    """Remove the temporary files of earlier trainings that were killed, also where this one may never write again."""
    for folder in (run_dir, run_dir / FOLDER, run_dir / SAMPLES, *(run_dir / SAMPLES).glob("*")):
        remove_abandoned(folder)


@contextmanager
def reserved(wanted: Path) -> Iterator[Path]:
    """Have a new run directory that no other training has, with a number after its name where that is taken.

    Two trainings that begin in the same second are given the same name by the clock.

    Args:
        wanted: its name.
    """
    absent = [folder for folder in wanted.parents if not folder.exists()]
    wanted.parent.mkdir(parents=True, exist_ok=True)
    run_dir, number = wanted, 1
    while True:
        try:
            run_dir.mkdir()  # by one process alone
            break
        except FileExistsError:
            number += 1
            run_dir = wanted.with_name(f"{wanted.name}_{number}")
    with unless_unused(run_dir, [run_dir, *absent]):
        yield run_dir


@contextmanager
def unless_unused(run_dir: Path, made: Sequence[Path]) -> Iterator[None]:
    """Remove the folders that were made for a training which failed before it left anything there.

    Args:
        run_dir: of the training.
        made: the run directory, if it was made, and folders around it, from the inside out.
    """
    try:
        yield
    except BaseException:
        with suppress(OSError):  # only empty ones go
            if run_dir in made and [path.name for path in run_dir.iterdir()] == [LOCK]:
                (run_dir / LOCK).unlink()
            for folder in made:
                folder.rmdir()
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel frees when this process ends, however it does."""
    descriptor = open_lock(path)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, not also held by loader workers
        except (BlockingIOError, PermissionError) as error:
            raise UserError(
                f"{path.parent}: another process trains in it; wait for it, stop it, or give another run_dir"
            ) from error
        yield  # and the file stays: one that is removed could be locked twice
    finally:
        os.close(descriptor)


@contextmanager
def full_disk_explained(run_dir: Path) -> Iterator[None]:
    """A full disk as one line that says what is safe."""
    before = threading.excepthook
    # TensorBoard's thread meets it too; that reaches us at the next thing that is logged.
    threading.excepthook = lambda error: None if is_full(error.exc_value) else before(error)
    try:
        yield
    except Exception as error:
        if not any(is_full(cause) for cause in chain(error)):
            raise
        found = list(candidates(run_dir / FOLDER))
        safe = f"{found[0]} is whole" if found else "no checkpoint was written yet"
        raise UserError(
            f"{run_dir}: the disk is full; {safe}; free some space, then go on with resume={run_dir}"
        ) from error
    finally:
        threading.excepthook = before


def is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from; an error can be raised from one that came from itself."""
    seen: list[BaseException] = []
    while error is not None and not any(error is one for one in seen):
        yield error
        seen.append(error)
        error = error.__cause__ or error.__context__
