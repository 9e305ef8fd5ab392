"""Make the store of a domain's recordings: find what is new, share it out, resume a killed preparation."""

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from melgan_vc.audio.activity import speech
from melgan_vc.audio.stream import front_end
from melgan_vc.data.arrays import VerifiedArrays
from melgan_vc.data.assembly import LOCKS, Assembly, assemble, existing
from melgan_vc.data.corpora import Corpus, Recording
from melgan_vc.data.digests import Digest, digests
from melgan_vc.data.left_out import DOUBLE, NAMED, report
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.store import MelStore
from melgan_vc.data.units import Settings, Task
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError, explain_os_error
from melgan_vc.spec import AudioSpec
from melgan_vc.text import printable

log = logging.getLogger(__name__)
HASHES = ".hashes.json"
VERIFIED = ".verified.json"


def prepare(
    corpus: Corpus,
    audio: AudioSpec,
    root: Path,
    preparation: Preparation = Preparation(),  # noqa: B008 (frozen)
    work: Work = Work(),  # noqa: B008
) -> MelStore | None:
    """Return the store of recordings under ``root``, made now unless it is there already.

    It is found by the names and the content of the files and by the settings: a changed, added or renamed file, or
    other settings, make a new one, which takes over what an older one has; a touched file or a moved folder does not.
    A killed preparation is resumed; a damaged store is made again.

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
    recordings = corpus.recordings()
    writable(root)
    if preparation.silence == "vad":
        speech(audio.sample_rate)  # now, for every recording would fail without it
    try:
        hashes, failures = digests({name: one.path for name, one in recordings.items()}, root / HASHES, work.progress)
        tasks, doubles = tasks_of(recordings, hashes)
        wanted = Assembly(root, corpus.label, tasks, Settings(front_end(audio), preparation))
        made, changed = made_or_found(wanted, work)
    except OSError as error:
        raise UserError(failure(error, root)) from error
    if made is None:
        return None
    stored = replace(made, left_out={**failures, **doubles, **changed, **made.left_out})
    report(stored, work.max_failed)
    return stored


def failure(error: OSError, root: Path) -> str:
    """Return what concerns all recordings, as a line that says what to do."""
    return f"{explain_os_error(error, error.filename or root)}; data.store= names the place; what is done is kept"


def writable(root: Path) -> None:
    """Refuse a folder that nothing can be written to."""
    probe = root / LOCKS / f"probe-{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW))
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{root}: cannot be written ({error.strerror}); choose another with data.store=") from error


def tasks_of(
    recordings: Mapping[str, Recording], hashes: Mapping[str, Digest]
) -> tuple[tuple[Task, ...], dict[str, str]]:
    """Return the recordings to prepare, each content once, and why the others are not prepared."""
    tasks: dict[tuple[str, int], Task] = {}
    doubles: dict[str, str] = {}
    contradictions = []
    for name in sorted(hashes):
        one = recordings[name]
        task = Task(name, str(one.path), hashes[name], one.stream, one.group, one.split, one.speaker)
        first = tasks.setdefault(task.key, task)
        if first is not task:
            doubles[name] = f"{one.path}: {DOUBLE} {first.name}"
            if None not in (first.split, task.split) and first.split != task.split:
                contradictions.append(f"{printable(first.name)} ({first.split}) and {printable(name)} ({task.split})")
    if contradictions:
        shown = ", ".join(contradictions[:NAMED]) + (", ..." if len(contradictions) > NAMED else "")
        log.warning(
            "warning: recordings are in two splits under two names, so the first name decides (%d in all): %s",
            len(contradictions),
            shown,
        )
    return tuple(tasks.values()), doubles


def made_or_found(wanted: Assembly, work: Work) -> tuple[MelStore | None, dict[str, str]]:
    """Return a store, and recordings that changed while it was made and so are not in it.

    Raises:
        UserError: the store is damaged although it was just made.
    """
    verified = VerifiedArrays(wanted.root / VERIFIED)
    store, changed = existing(wanted, verified), dict[str, str]()
    if store is None:
        result = assemble(wanted, work, verified)
        if result is None:
            verified.save()
            return None, {}
        made, changed = result
        store = existing(made, verified)
        if store is None:
            raise UserError(
                f"{made.home}: is damaged right after it was made; check the disk, or choose another place with "
                "data.store="
            )
        log.info("prepared %d of %d recordings: %s", len(store.items), len(made.tasks), made.home)
    verified.save()
    return store, changed
