"""A store while it is made: what is left to do of it, and how its units become the store."""

import errno
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from melgan_vc.data import workers
from melgan_vc.data.arrays import VerifiedArrays, check_shape, lengths_and_checksums
from melgan_vc.data.manifest import CHECKSUM, MANIFEST, item_of, mels_name, parse, read_lines, read_text, write_lines
from melgan_vc.data.reuse import take_over
from melgan_vc.data.store import MelStore, read_store
from melgan_vc.data.units import CHANGED, Settings, Task, Unit, plan
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.files import alone, replacing, sync

log = logging.getLogger(__name__)
VERSION = 3
PLAN = "plan.json"
LOCKS = ".locks"
DAMAGE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EIO)  # not rights, or a lack of memory
LABEL = 40  # letters of a store's name, before its hash


@dataclass(frozen=True)
class Assembly:
    """A store to be made or found.

    Attributes:
        root: folder of all stores.
        label: for the store's name.
        tasks: its recordings.
        settings: what all of them have in common.
    """

    root: Path
    label: str
    tasks: tuple[Task, ...]
    settings: Settings

    @cached_property
    def content(self) -> str:
        """Hash of recordings and settings."""
        about = [(one.name, *one.key, one.group, one.split, one.speaker) for one in self.tasks]
        identity = [VERSION, self.settings.audio.signature, self.settings.preparation.signature, about]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()

    @property
    def home(self) -> Path:
        """The folder of the store."""
        return self.root / f"{self.label.replace('/', '_')[:LABEL]}-{self.content[:16]}"

    @property
    def folder(self) -> Path:
        """Where it is made."""
        return self.home.with_name(f".{self.home.name}.part")

    @property
    def aside(self) -> Path:
        """Where a damaged store is kept until another one has replaced it."""
        return self.home.with_name(f".{self.home.name}.damaged")

    @property
    def described(self) -> dict[str, Any]:
        return {"audio": asdict(self.settings.audio), "preparation": self.settings.preparation.described}

    @property
    def bins(self) -> int:
        return self.settings.audio.n_mels

    def without(self, names: Collection[str]) -> "Assembly":
        """Return the store without some recordings."""
        kept = tuple(task for task in self.tasks if task.name not in names)
        return Assembly(self.root, self.label, kept, self.settings)


def existing(wanted: Assembly, verified: VerifiedArrays) -> MelStore | None:
    """Return the store if it is there and holds what it should; a damaged one is told.

    Raises:
        OSError: it cannot be read.
    """
    if not os.path.lexists(wanted.home):
        return None
    try:
        return opened(wanted, wanted.home, verified)
    except ValueError as error:
        log.warning("warning: %s: the prepared mels are damaged (%s), so they are made again", wanted.home, error)
        return None


def opened(wanted: Assembly, folder: Path, verified: VerifiedArrays) -> MelStore:
    """Return the store that a folder holds, if it is the one that is wanted.

    Raises:
        ValueError: it is damaged, or another one.
        OSError: it cannot be read, which is not its fault.
    """
    try:
        store = read_store(folder, verified)
        check_against(store, wanted)
    except OSError as error:
        if error.errno in DAMAGE:
            raise ValueError(f"{Path(error.filename or folder).name}: {error.strerror}") from error
        raise
    return store


def check_against(store: MelStore, wanted: Assembly) -> None:
    """Refuse a store that does not hold the recordings that it should.

    Raises:
        ValueError: it holds others, or other settings.
    """
    head, *lines = read_lines(store.folder / MANIFEST)
    if head.get("settings") != wanted.described or store.content != wanted.content:
        raise ValueError(f"{MANIFEST} is of other recordings or settings")
    by_name = {line.get("path"): line for line in lines if "array" not in line}
    if by_name.keys() != {task.name for task in wanted.tasks}:
        raise ValueError(f"{MANIFEST} names {len(by_name)} recordings, {len(wanted.tasks)} expected")
    for task in wanted.tasks:
        if not task.is_described_by(by_name[task.name]):
            raise ValueError(f"{MANIFEST} describes another {task.name!r}")


def assemble(wanted: Assembly, work: Work, verified: VerifiedArrays) -> tuple[Assembly, dict[str, str]] | None:
    """Do what is left of a store, and put it together where all is done.

    Returns:
        What was made: the store without recordings that changed meanwhile, and why these are not in it. None where
        others must do their parts first.
    """
    locks = wanted.root / LOCKS
    part, parts = work.part
    with alone(locks / f"{wanted.home.name}.{part}-of-{parts}"):  # jobs of a sweep start together: one does it
        with alone(locks / wanted.home.name):
            if is_made(wanted, verified):
                return wanted, {}
            set_aside(wanted)
            units, reused = planned(wanted, verified)
        todo = [unit for unit in units[part::parts] if unit.result(wanted.folder, wanted.bins, verify=True) is None]
        for unit in todo:
            for name in (unit.items, unit.mels):  # in this order: without its lines a unit is not done
                remove(wanted.folder / name)
        each = workers.SPEECH_BYTES if wanted.settings.preparation.silence == "vad" else workers.WORKER_BYTES
        count = workers.processes(work.workers, work.memory_gb, todo, each)
        workers.work(todo, wanted.folder, wanted.settings, count, work.progress)
        with alone(locks / wanted.home.name):
            if is_made(wanted, verified):
                return wanted, {}
            results = [unit.result(wanted.folder, wanted.bins) for unit in units]
            left = sum(one is None for one in results)
            if left and parts == 1:
                raise UserError(
                    f"{wanted.folder}: {left} of {len(units)} parts are damaged right after they were made; check the "
                    "disk, or choose another place with data.store="
                )
            if left:
                log.info("%d of %d parts of %s are done", len(units) - left, len(units), wanted.home)
                return None
            lines = [*reused, *(line for one in results for line in one or ())]
            return finish(wanted, lines, verified)


def is_made(wanted: Assembly, verified: VerifiedArrays) -> bool:
    """Return whether the store is there; one whose making was killed at the very end gets its name."""
    for folder in (wanted.home, wanted.folder):
        with suppress(ValueError):
            opened(wanted, folder, verified)
            if folder == wanted.folder:
                set_aside(wanted)
                publish(folder, wanted.home)
                remove(wanted.aside)
            return True
    return False


def set_aside(wanted: Assembly) -> None:
    """Take a damaged store out of the way; what is whole of it is taken over by the new one."""
    if os.path.lexists(wanted.home):
        remove(wanted.aside)
        os.replace(wanted.home, wanted.aside)


def planned(wanted: Assembly, verified: VerifiedArrays) -> tuple[list[Unit], list[dict[str, Any]]]:
    """Return the units of a store, and the lines of what other stores have; as planned before, if that was."""
    folder = wanted.folder
    if os.path.lexists(folder):
        try:
            return read_plan(wanted)
        except (OSError, ValueError) as error:
            log.warning("warning: %s: damaged (%s), so this preparation starts again", folder / PLAN, error)
        remove(folder)
    folder.mkdir(parents=True)
    reused = take_over(folder, wanted.tasks, wanted.described, wanted.bins, verified)
    names = {line["path"] for line in reused if "path" in line}
    first = sum("array" in line for line in reused)
    units = plan([task for task in wanted.tasks if task.name not in names], first)
    known = {"first": first, "units": [[task.name for task in unit.tasks] for unit in units], "reused": reused}
    with replacing(folder / PLAN, durable=True) as temporary:
        temporary.write_text(json.dumps(known | {CHECKSUM: crc32_of(known)}), encoding="utf-8")
    return units, reused


def crc32_of(known: dict[str, Any]) -> int:
    """Return a checksum of what a plan holds."""
    return zlib.crc32(json.dumps(known).encode())


def read_plan(wanted: Assembly) -> tuple[list[Unit], list[dict[str, Any]]]:
    """Return what was planned before.

    Raises:
        ValueError: it is not a plan of this store, or what it takes over is not there any more.
    """
    known = parse(read_text(wanted.folder / PLAN))
    by_name = {task.name: task for task in wanted.tasks}
    try:
        if CHECKSUM in known and known.pop(CHECKSUM) != crc32_of(known):  # versions before wrote none
            raise ValueError("it does not have its checksum")
        first, names, reused = known["first"], known["units"], known["reused"]
        units = [Unit(first + n, tuple(by_name[name] for name in some)) for n, some in enumerate(names)]
        arrays = lengths_and_checksums(reused)
        recordings = [line for line in reused if "array" not in line]
        for line in recordings:
            item = item_of(line)
            if not by_name[item.path].is_described_by(line) or item.offset + item.frames > arrays[item.shard][0]:
                raise ValueError(f"its line on {item.path!r} is wrong")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("it is not a plan of these recordings") from error
    if first != len(arrays) or sorted(arrays) != list(range(first)):
        raise ValueError("its numbers are wrong")
    mentioned = [task.name for unit in units for task in unit.tasks] + [line["path"] for line in recordings]
    if sorted(mentioned) != sorted(by_name):
        raise ValueError(f"it names {len(mentioned)} recordings, {len(by_name)} expected")
    for number, (length, _) in arrays.items():
        check_shape(wanted.folder / mels_name(number), length, wanted.bins)
    return units, reused


def finish(
    wanted: Assembly, lines: Sequence[dict[str, Any]], verified: VerifiedArrays
) -> tuple[Assembly, dict[str, str]]:
    """Make the manifest and give the store its name."""
    changed = {line["path"]: line["reason"] for line in lines if CHANGED in line}
    made = wanted.without(changed) if changed else wanted
    arrays = sorted((line for line in lines if "array" in line), key=lambda line: line["array"])
    rest = sorted((line for line in lines if "array" not in line and CHANGED not in line), key=lambda one: one["path"])
    head = {"version": VERSION, "content": made.content, "settings": made.described}
    folder = wanted.folder
    write_lines(folder / MANIFEST, [head, *rest, *arrays])
    if changed and is_made(made, verified):
        remove(folder)
    else:
        set_aside(made)
        publish(folder, made.home)
    for line in arrays:
        verified.add(made.home / mels_name(line["array"]))
    for one in (wanted, made):
        remove(one.aside)
    return made, changed


def publish(folder: Path, home: Path) -> None:
    """Leave nothing in a folder beside the arrays and their manifest, and give it the name of the store."""
    for path in folder.iterdir():
        if path.name != MANIFEST and path.suffix != ".npy":
            remove(path)
    sync(folder)
    os.replace(folder, home)
    sync(home.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there.

    Raises:
        UserError: it cannot be removed.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be removed ({error.strerror}); remove it yourself and start again") from error
