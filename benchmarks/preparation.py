"""What preparing a corpus costs: memory of all processes, and speed against a plain librosa loop.

    python benchmarks/preparation.py [HOURS [WORKERS]]

Makes HOURS of speech (the bundled voices, cut and turned up or down at random) as 22.05 kHz files of 1 s to 3 h and
prepares them; kills another preparation of them half way and lets it go on; then prepares them, in turn, by
``melgan_vc.prepare``, its start included, and by librosa in as many processes, of one thread each or with threads as
they come.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile

from melgan_vc.audio.io import read_mono
from melgan_vc.data import corpus

RATE = 22050
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
ROOT = Path(__file__).resolve().parent.parent


def make(folder: Path, hours: float) -> None:
    """Files of 1 s to 3 h, all of them with so many hours."""
    rng = np.random.default_rng(0)
    voice = np.concatenate([read_mono(path, RATE) for path in corpus.find(corpus.locate("bundled:voices/source"))])
    left, number = hours * 3600, 0
    folder.mkdir(parents=True)
    lengths = [min(3 * 3600.0, left / 3)]
    while (left := left - lengths[-1]) > 1:
        lengths.append(min(left, float(np.exp(rng.uniform(0, np.log(600))))))
    for number, seconds in enumerate(lengths):
        with soundfile.SoundFile(folder / f"{number:05d}.wav", "w", RATE, 1) as file:
            for start in range(0, int(seconds * RATE), len(voice)):
                piece = np.roll(voice, int(rng.integers(len(voice)))) * rng.uniform(0.2, 1)
                file.write(piece[: int(seconds * RATE) - start])


def command(source: Path, store: Path, workers: int) -> list[str]:
    paths = [f"data.source='{source}'", "data.target=bundled:voices/heldout/target", f"data.store='{store}'"]
    return [sys.executable, "-m", "melgan_vc.prepare", *paths, f"prepare.workers={workers}"]


def started(words: list[str]) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, text=True
    )


def memory(group: int) -> tuple[int, int]:
    """Resident bytes of all processes of a group: shared pages counted for each, and once."""
    resident = proportional = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) != group:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        resident += 1024 * sizes["Rss"]
        proportional += 1024 * sizes["Pss"]
    return resident, proportional


def librosa_loop(path: Path) -> None:
    import librosa

    waveform, _ = librosa.load(path, sr=16000)
    power = librosa.feature.melspectrogram(y=waveform, sr=16000, n_fft=1152, hop_length=192, n_mels=192, htk=True)
    np.save(path.with_suffix(".npy"), librosa.power_to_db(power).T.astype(np.float16))


def tree(folder: Path) -> dict[str, str]:
    """Hashes of what is in the stores of a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("."):
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def main() -> None:
    hours, workers = (float(sys.argv[1]) if len(sys.argv) > 1 else 20.0), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make(home / "all", hours)
        files = sorted((home / "all").iterdir(), key=lambda path: path.stat().st_size)
        print(f"{len(files)} files, the longest {soundfile.info(files[-1]).duration / 3600:.2f} h, {workers} processes")
        start, peak = time.monotonic(), (0, 0)
        running = started(command(home / "all", home / "store", workers))
        while running.poll() is None:
            peak = tuple(map(max, peak, memory(running.pid)))  # type: ignore[assignment]
            time.sleep(0.2)
        spent = time.monotonic() - start
        print(f"all: {spent:.0f} s, {hours * 3600 / spent:.0f} times as fast as it sounds; exit {running.returncode}")
        print(f"peak memory of all processes: {peak[0] / 1e9:.2f} GB, shared pages once: {peak[1] / 1e9:.2f} GB")
        killed = started(command(home / "all", home / "again", workers))
        time.sleep(spent / 2)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        begun = time.monotonic()
        started(command(home / "all", home / "again", workers)).wait()
        same = tree(home / "store") == tree(home / "again")
        print(f"killed after {spent / 2:.0f} s, done {time.monotonic() - begun:.0f} s later; the same bytes: {same}")
        shutil.rmtree(home / "again")
        for number in range(4):
            for name in THREADS:
                os.environ.pop(name, None)
            os.environ |= dict.fromkeys(THREADS if number % 2 else (), "1")
            start = time.monotonic()
            started(command(home / "all", home / f"store {number}", workers)).wait()
            ours = time.monotonic() - start
            start = time.monotonic()
            with get_context("spawn").Pool(workers) as pool:
                pool.map(librosa_loop, sorted(files, key=lambda path: -path.stat().st_size), chunksize=1)
            theirs = time.monotonic() - start
            threads = "one thread each" if number % 2 else "threads as they come"
            print(f"{ours:.1f} s against librosa's {theirs:.1f} s with {threads}: {theirs / ours:.2f} times as fast")
            shutil.rmtree(home / f"store {number}")
            for path in (home / "all").glob("*.npy"):
                path.unlink()


if __name__ == "__main__":
    main()
