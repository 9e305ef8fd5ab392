"""Results of slow measures, kept between evaluations by the content of what was measured."""

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from melgan_vc.config.paths import expand_user
from melgan_vc.text import printable

log = logging.getLogger(__name__)
NAME = "measures.sqlite"
LARGEST = 256 << 20  # bytes of results that are kept; one has about 100, or 5,000 a second for a speaker
REVISION = 1  # of the measures' own code; results of another one are not used
WAIT = 30.0  # seconds for another process that writes

Measure = Callable[[np.ndarray, int], Any]  # of a waveform (N,) at a sample rate in Hz


def default_folder() -> Path:
    """Return the folder for this user's caches.

    It is ``MELGAN_VC_CACHE`` where that is set, else ``melgan_vc`` in ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    given = os.environ.get("MELGAN_VC_CACHE")
    return expand_user(given) if given else expand_user(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "melgan_vc"


class MeasureCache:
    """A database of results; without one, where it cannot be used, results are kept in memory alone.

    What cannot be read is measured again, and a damaged database is begun anew. Results of foreign files are numbers
    and texts at worst, for they are JSON.

    Args:
        folder: that holds the database; it is made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.known: dict[str, Any] = {}
        self.usable = self.writable = True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.prepare()
        except (OSError, sqlite3.Error) as error:
            self.recover(error)

    def prepare(self) -> None:
        """Make the table where there is none, and forget the older half where more than ``LARGEST`` is kept."""
        with closing(self.connect()) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            pages, free, size = (
                database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            if (pages - free) * size > LARGEST:  # the pages that this frees are filled again
                database.execute("DELETE FROM results WHERE rowid <= (SELECT avg(rowid) FROM results)")

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=WAIT)

    def recover(self, error: Exception) -> None:
        """Set a damaged database aside and begin a new one; do without one, with a warning, after any other error."""
        if type(error) is sqlite3.DatabaseError:  # its subclasses stand for locks, rights or a full disk
            try:
                self.path.replace(self.path.with_name(f"{NAME}.damaged"))
                self.path.with_name(f"{NAME}-journal").unlink(missing_ok=True)
                self.prepare()
                return
            except (OSError, sqlite3.Error) as another:
                error = another
        self.usable = False
        self.warn(error)

    def warn(self, error: Exception) -> None:
        """Say that nothing is kept any more."""
        log.warning(
            "warning: %s: cannot be used (%s), so measures are not kept for the next evaluation; "
            "set MELGAN_VC_CACHE to a folder for them",
            printable(self.path),
            error,
        )

    def read(self, key: str) -> Any:
        """Return a result; None where it is not known."""
        if key not in self.known and self.usable:
            try:
                with closing(self.connect()) as database:
                    found = database.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
                if found is not None:
                    self.known[key] = json.loads(found[0])
            except (OSError, sqlite3.Error) as error:
                self.recover(error)
            except (ValueError, TypeError, RecursionError):
                return None  # of this one alone, which is then written again
        return self.known.get(key)

    def write(self, key: str, value: Any) -> None:
        """Keep a result, which JSON must be able to hold."""
        self.known[key] = value
        if self.usable and self.writable:
            try:
                with closing(self.connect()) as database, database:
                    database.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (key, json.dumps(value)))
            except sqlite3.OperationalError as error:  # such as of a folder that others share for reading alone
                self.writable = False
                self.warn(error)
            except (OSError, sqlite3.Error) as error:
                self.recover(error)

    def texts(self, measure: Measure, identity: str) -> Measure:
        """Return a measure whose results are texts, remembered."""
        return partial(self.recall, measure, identity, str, lambda value: isinstance(value, str))

    def numbers(self, measure: Measure, identity: str) -> Measure:
        """Return a measure whose results are numbers, remembered."""
        return partial(self.recall, measure, identity, float, lambda value: isinstance(value, int | float))

    def arrays(self, measure: Measure, identity: str) -> Measure:
        """Return a measure whose results are arrays (K, E) in float32, remembered."""

        def right(value: Any) -> bool:
            rows = value if isinstance(value, list) and all(isinstance(row, list) for row in value) else [[None]]
            every = all(isinstance(one, int | float) for row in rows for one in row)
            return every and len({len(row) for row in rows}) <= 1

        def listed(value: np.ndarray) -> list[list[float]]:
            return np.asarray(value, np.float32).tolist()

        recall = partial(self.recall, measure, identity, listed, right)

        def remembered(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
            found = np.asarray(recall(waveform, sample_rate), np.float32)
            return found if found.ndim == 2 else np.zeros((0, 1), np.float32)

        return remembered

    def recall(
        self,
        measure: Measure,
        identity: str,
        stored: Callable[[Any], Any],
        right: Callable[[Any], bool],
        waveform: np.ndarray,
        sample_rate: int,
    ) -> Any:
        """Return the result of a measure as it is stored, measuring only what is not known.

        Args:
            measure: of the waveform.
            identity: that tells it from other measures and versions.
            stored: makes a value for JSON of its result.
            right: checks a value that was read.
            waveform: (N,).
            sample_rate: in Hz.
        """
        digest = hashlib.sha256(f"{identity}\0{sample_rate}\0".encode())
        digest.update(np.ascontiguousarray(waveform, np.float32).tobytes())
        key = digest.hexdigest()
        value = self.read(key)
        if value is None or not right(value):
            value = stored(measure(waveform, sample_rate))
            self.write(key, value)
        return value


def identity(name: str, *packages: str) -> str:
    """Return a measure's name with the revision of its code and the versions of the packages that compute it."""
    return " ".join([f"{REVISION} {name}", *(f"{package}={installed_version(package)}" for package in packages)])


def installed_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
