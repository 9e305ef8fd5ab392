"""Make the store of a domain's recordings: find what is new, share it out, go on where a killed preparation was."""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from melgan_vc.audio.activity import speech
from melgan_vc.audio.stream import front_end
from melgan_vc.data import workers
from melgan_vc.data.corpora import Corpus
from melgan_vc.data.digests import digests
from melgan_vc.data.left_out import DOUBLE, report
from melgan_vc.data.manifest import MANIFEST, mels_name, read_lines, write_lines
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.store import MelStore, load
from melgan_vc.data.units import Settings, Task, Unit, plan
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from melgan_vc.files import alone
from melgan_vc.spec import AudioSpec

log = logging.getLogger(__name__)
VERSION = 3
PLAN = "plan.json"
HASHES = ".hashes.json"
LOCKS = ".locks"
LABEL = 40  # letters of a store's name, before its hash


def prepare(
    corpus: Corpus,
    audio: AudioSpec,
    root: Path,
    preparation: Preparation = Preparation(),  # noqa: B008 (frozen)
    work: Work = Work(),  # noqa: B008
) -> MelStore | None:
    """The store of recordings under ``root``, made now unless it is there already.

    It is found by the names and the content of the files and by the settings: a changed, added or renamed file, or
    other settings, make a new one, which takes over what an older one has; a touched file or a moved folder does not.
    A killed preparation goes on where it was.

    Args:
        corpus: the recordings.
        audio, preparation: the settings.
        root: folder of all stores.
        work: how it is done.

    Returns:
        The store; None where parts of it are left for others to do.

    Raises:
        UserError: too many recordings cannot be used, or ``root`` cannot be written.
    """
    writable(root)
    recordings = corpus.recordings()
    files = {name: one.path for name, one in recordings.items()}
    if preparation.silence == "vad":
        speech(audio.sample_rate)  # now, for every recording would fail without it
    hashes, failures = digests(files, root / HASHES, work.progress)
    tasks: dict[tuple[str, int], Task] = {}
    left_out = dict(failures)
    for name in sorted(hashes):
        one, sha256 = recordings[name], hashes[name]
        task = Task(name, str(one.path), sha256, one.path.stat().st_size, one.stream, one.group, one.split, one.speaker)
        first = tasks.setdefault((sha256, one.stream), task)
        if first is not task:
            left_out[name] = f"{one.path}: {DOUBLE} {first.name}"
    settings = Settings(front_end(audio), preparation)
    identity = [
        VERSION,
        audio.signature,
        preparation.signature,
        [(task.name, *key, task.group, task.split, task.speaker) for key, task in tasks.items()],
    ]
    content = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    home = root / f"{corpus.label.replace('/', '_')[:LABEL]}-{content[:16]}"
    try:
        if not (home / MANIFEST).is_file() and not make(home, list(tasks.values()), content, settings, work):
            return None
    except OSError as error:
        raise UserError(
            f"{root}: {error.strerror or error}; make room or choose another place, what is done is kept"
        ) from error
    stored = load(home)
    made = replace(stored, left_out={**left_out, **stored.left_out})
    report(made, len(files), work.max_failed)
    return made


def writable(root: Path) -> None:
    try:
        (root / LOCKS).mkdir(parents=True, exist_ok=True)
        (root / LOCKS / "test").touch()
    except OSError as error:
        raise UserError(f"{root}: cannot be written ({error.strerror}); choose another with data.store=") from error


def make(home: Path, tasks: Sequence[Task], content: str, settings: Settings, work: Work) -> bool:
    """Do what is left of a store, and put it together where all is done; tells whether it is."""
    locks = home.parent / LOCKS
    part, parts = work.part
    folder = home.with_name(f".{home.name}.part")
    with alone(locks / f"{home.name}.{part}-of-{parts}"):  # jobs of a sweep start together: one prepares for all
        with alone(locks / home.name):
            if (folder / MANIFEST).is_file():  # killed at the very end
                finish(folder, home)
            if (home / MANIFEST).is_file():
                return True
            units, reused = planned(folder, home, tasks, settings)
        todo = [unit for unit in units[part::parts] if not unit.is_done(folder)]
        for stray in folder.glob("*.part") if parts == 1 else ():
            stray.unlink(missing_ok=True)
        each = workers.SPEECH_BYTES if settings.preparation.silence == "vad" else workers.WORKER_BYTES
        count = workers.processes(work.workers, work.memory_gb, todo, each)
        workers.work(todo, folder, settings, count, work.progress)
        with alone(locks / home.name):
            if (home / MANIFEST).is_file():
                return True
            left = [unit for unit in units if not unit.is_done(folder)]
            if left:
                log.info("%d of %d parts of %s are done; the others are left", len(units) - len(left), len(units), home)
                return False
            complete(folder, units, reused, content, settings)
            finish(folder, home)
    log.info("prepared %d recordings: %s", len(tasks), home)
    return True


def planned(
    folder: Path, home: Path, tasks: Sequence[Task], settings: Settings
) -> tuple[list[Unit], list[dict[str, Any]]]:
    """The units of a store, and the lines of recordings that an older one has; as planned before, if that was."""
    if (folder / PLAN).is_file():
        known = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        numbers = {name: number for number, names in enumerate(known["units"]) for name in names}
        groups: list[list[Task]] = [[] for _ in known["units"]]
        for task in tasks:
            if task.name in numbers:
                groups[numbers[task.name]].append(task)
        return [Unit(number, tuple(group)) for number, group in enumerate(groups)], known["reused"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    older = older_items(home, settings)
    units = plan([task for task in tasks if (task.sha256, task.stream) not in older])
    known = [task for task in tasks if (task.sha256, task.stream) in older]
    reused = take_over(folder, known, older, len(units))
    text = json.dumps({"units": [[task.name for task in unit.tasks] for unit in units], "reused": reused})
    temporary = folder / f"{PLAN}.new"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / PLAN)
    return units, reused


def older_items(home: Path, settings: Settings) -> dict[tuple[str, int], tuple[Path, dict[str, Any]]]:
    """Recordings of other stores with the same settings: their store and line, by hash and stream."""
    found: dict[tuple[str, int], tuple[Path, dict[str, Any]]] = {}
    for manifest in sorted(home.parent.glob(f"*/{MANIFEST}")):
        try:
            head, *lines = read_lines(manifest)
        except (OSError, ValueError):
            continue
        if head.get("settings") == described(settings):
            mels = [line for line in lines if "frames" in line]
            found.update({(line["sha256"], line["stream"]): (manifest.parent, line) for line in mels})
    return found


def take_over(
    folder: Path, tasks: Sequence[Task], older: Mapping[tuple[str, int], tuple[Path, dict[str, Any]]], first: int
) -> list[dict[str, Any]]:
    """Link the arrays of older stores; the lines of their recordings for the new one."""
    numbers: dict[Path, int] = {}
    lines = []
    for task in tasks:
        store, line = older[task.sha256, task.stream]
        array = store / mels_name(line["shard"])
        if array not in numbers:
            numbers[array] = first + len(numbers)
            link(array, folder / mels_name(numbers[array]))
        about = {"path": task.name, "group": task.group, "split": task.split, "speaker": task.speaker}
        lines.append(line | about | {"shard": numbers[array]})
    return lines


def link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has no such links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, target)


def complete(
    folder: Path, units: Sequence[Unit], reused: Sequence[dict[str, Any]], content: str, settings: Settings
) -> None:
    """Make the manifest of all units."""
    lines = [*reused, *(line for unit in units for line in read_lines(folder / unit.items))]
    head = {"version": VERSION, "content": content, "settings": described(settings)}
    write_lines(folder / MANIFEST, [head, *sorted(lines, key=lambda line: line["path"])])


def finish(folder: Path, home: Path) -> None:
    """Leave nothing beside the arrays and their manifest, and give the store its name."""
    for path in folder.iterdir():
        if path.name != MANIFEST and path.suffix != ".npy":
            path.unlink()
    os.replace(folder, home)


def described(settings: Settings) -> dict[str, Any]:
    return {"audio": asdict(settings.audio), "preparation": asdict(settings.preparation)}
