"""Many cases: which ones, side by side, until the time is over; what failed is kept."""

import base64
import gzip
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tools.fuzz import sandbox
from tools.fuzz.areas import Area
from tools.fuzz.mutations import Files, Link, mutated
from tools.fuzz.sandbox import FAILED, REFUSED, SURVIVED, Limits, Outcome
from tools.fuzz.seeds import write_folder

SUFFIX = ".fuzz"
POLL = 0.002  # seconds


@dataclass
class Tally:
    """The outcomes so far.

    Attributes:
        counts: by area and kind of outcome.
        longest: by area, seconds of the case that took longest.
        largest: by area, bytes of the process that had most.
        places: of failures, where each was seen first and how often.
    """

    counts: dict[str, Counter[str]]
    longest: dict[str, float] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)
    places: dict[tuple[str, str], tuple[Path, int, str]] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        return sum(counter.total() for counter in self.counts.values())

    @property
    def failures(self) -> int:
        return sum(counter[FAILED] for counter in self.counts.values())


def case(areas: Mapping[str, Area], seed: int, number: int) -> tuple[str, Files]:
    """Return the area and the files of a case: the same for the same areas, seed and number."""
    random = Random(f"{seed}/{number}")
    name = random.choices(list(areas), [area.share for area in areas.values()])[0]
    kinds = areas[name].seeds
    files = kinds[random.choice(list(kinds))]
    others = kinds[random.choice(list(kinds))]
    return name, mutated(files, others, random)


def fuzz(
    areas: Mapping[str, Area], seed: int, scratch: Path, keep: Path, limits: Limits, jobs: int, cases: int, until: float
) -> Tally:
    """Run cases; says how it goes, and keeps each that fails as a file.

    Args:
        areas: to choose from.
        seed: of all choices.
        scratch: a folder for cases.
        keep: a folder for failures.
        limits: of each case.
        jobs: cases at a time.
        cases: at most.
        until: by time.monotonic, when no more are begun.
    """
    tally = Tally({name: Counter() for name in areas})
    running: dict[int, tuple[str, Files, Path, Iterator[Outcome | None]]] = {}
    begun, told, number = time.monotonic(), 0.0, 0
    while running or (number < cases and time.monotonic() < until):
        while len(running) < jobs and number < cases and time.monotonic() < until:
            name, files = case(areas, seed, number)
            folder = scratch / f"{number:06d}"
            running[number] = (name, files, folder, started(areas[name], files, folder, limits))
            number += 1
        for one, (name, files, folder, going) in list(running.items()):
            found = next(going)
            if found is not None:
                del running[one]
                note(tally, name, files, found, keep, f"seed={seed} case {one}")
                shutil.rmtree(folder, ignore_errors=True)
        now = time.monotonic()
        if now - told > (1 if sys.stderr.isatty() else 10):
            told = now
            say_progress(tally, now - begun, max(0.0, until - now), cases)
        time.sleep(POLL)
    return tally


def started(area: Area, files: Files, folder: Path, limits: Limits) -> Iterator[Outcome | None]:
    """Write the input of a case and start it."""
    write_folder(files, folder / sandbox.INPUT)
    return sandbox.run(area.body, folder, limits)


def note(tally: Tally, name: str, files: Files, found: Outcome, keep: Path, origin: str) -> None:
    """Count a case, and keep it where it failed."""
    tally.counts[name][found.kind] += 1
    tally.longest[name] = max(tally.longest.get(name, 0.0), found.seconds)
    tally.largest[name] = max(tally.largest.get(name, 0), found.memory)
    if found.kind != FAILED:
        return
    known = tally.places.get((name, found.where))
    path = known[0] if known else keep / f"{name}-{tally.failures:04d}{SUFFIX}"
    if known is None:
        write_case(path, name, files, found, origin)
        sys.stderr.write(f"failed: {name}: {found.what} [{found.where}]\n  python -m tools.fuzz replay={path}\n")
    tally.places[name, found.where] = (path, known[1] + 1 if known else 1, found.what)


def say_progress(tally: Tally, spent: float, left: float, cases: int) -> None:
    rate = tally.cases / max(spent, 1e-9)
    left = min(left, (cases - tally.cases) / rate if rate else left)
    more = f", {left:.0f} s left" if rate else ""
    sys.stderr.write(f"{tally.cases} cases, {rate:.1f} a second, {tally.failures} failed{more}\n")


def report(tally: Tally, spent: float) -> str:
    """Return the outcomes of all cases as a table, and each kind of failure in a line."""
    lines = [f"{'area':12} {SURVIVED:>9} {REFUSED:>9} {FAILED:>9} {'longest':>9} {'largest':>9}"]
    for name, counter in tally.counts.items():
        counts = " ".join(f"{counter[kind]:9}" for kind in (SURVIVED, REFUSED, FAILED))
        lines.append(f"{name:12} {counts} {tally.longest.get(name, 0):7.1f} s {tally.largest.get(name, 0) >> 20:6} MB")
    lines.append(f"{tally.cases} cases in {spent:.0f} s, {tally.cases / max(spent, 1e-9):.1f} a second")
    for (name, where), (path, count, what) in sorted(tally.places.items()):
        lines.append(f"{count} x {name}: {what} [{where}]\n  python -m tools.fuzz replay={path}")
    return "\n".join(lines)


def write_case(path: Path, name: str, files: Files, found: Outcome, origin: str) -> None:
    """Keep a case as one small file."""
    content = {
        "area": name,
        "files": {file: encoded(data) for file, data in files.items()},
        "found": found.__dict__,
        "origin": origin,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(content).encode(errors="surrogateescape"), mtime=0))


def encoded(data: bytes | Link) -> dict[str, str]:
    return {"link": data.target} if isinstance(data, Link) else {"bytes": base64.b64encode(data).decode()}


def read_case(path: Path) -> tuple[str, Files]:
    """Return area and files of a case that was kept."""
    content = json.loads(gzip.decompress(path.read_bytes()).decode(errors="surrogateescape"))
    files: Files = {
        name: Link(data["link"]) if "link" in data else base64.b64decode(data["bytes"])
        for name, data in content["files"].items()
    }
    return content["area"], files


def replay(path: Path, areas: Mapping[str, Area], scratch: Path, limits: Limits) -> Outcome:
    """Run a case that was kept."""
    name, files = read_case(path)
    for found in started(areas[name], files, scratch / f"replay-{os.getpid()}", limits):
        if found is not None:
            return found
        time.sleep(POLL)
    raise AssertionError("a case always ends")
