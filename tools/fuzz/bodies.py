"""What is called with an input: for each area a function of its folder, and of a folder for all that it writes.

Each returns what is wrong with the result, if anything is, and raises what the command would tell the user.
"""

import importlib
import io
import shutil
import sys
import tempfile
import zlib
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.bundle import NAME, load, locate, pack
from melgan_vc.bundle_header import read_header
from melgan_vc.data.corpora import Folders
from melgan_vc.data.corpus import find
from melgan_vc.data.pool import PooledWindows
from melgan_vc.data.prepare import prepare
from melgan_vc.data.store import MelStore
from melgan_vc.data.streamed import Streaming, opened
from melgan_vc.data.work import Work
from melgan_vc.evaluate import run_config, sound_of
from melgan_vc.evaluation import answers, card, evaluation_page, experiments, kept, leaderboard, listening
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.jobs import Job
from melgan_vc.inference.live import LiveSteps
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.inference.pcm import Pcm
from melgan_vc.inference.session import Session, Settings
from melgan_vc.networks.notebook import load_notebook
from melgan_vc.spec import AudioSpec, ChunkSpec
from melgan_vc.training.loggers.base import Start
from melgan_vc.training.loggers.csv import CsvLog
from melgan_vc.training.loggers.wandb import WandbLog
from tools.fuzz import seeds
from tools.fuzz.mutations import Files
from tools.fuzz.sandbox import Body

Mels = dict[str, np.ndarray]  # by recording


def pick(folder: Path, count: int) -> int:
    """Return a number below ``count`` that depends on the names and sizes of files alone."""
    there = sorted((path.name, path.lstat().st_size) for path in folder.rglob("*"))
    return zlib.crc32(repr(there).encode(errors="surrogateescape")) % count


def is_sound(samples: Any) -> bool:
    """Tell whether samples are numbers that a device could play."""
    values = np.asarray(samples)
    return bool(np.isfinite(values).all() and (np.abs(values) <= 1.0001).all())


def prepared(folder: Path, work: Path) -> MelStore:
    """Prepare the recordings in a folder in this process; the store lies in ``work``."""
    store = prepare(Folders(str(folder)), seeds.AUDIO, work / "store", work=Work(workers=0, progress=False))
    assert store is not None
    return store


def mels_of(store: MelStore) -> Mels:
    """Return the mels of a store by the names of recordings."""
    return {item.path: np.array(store.mel(item)) for item in store.items}


def decode(folder: Path, work: Path) -> str | None:
    """Prepare recordings and convert the first one."""
    if not all(np.isfinite(mel).all() for mel in mels_of(prepared(folder, work)).values()):
        return "mels: not finite"
    for outcome in converter().convert_files([Job(path, work / "out.wav") for path in find(folder)[:1]]):
        if outcome.error is not None:
            raise outcome.error
    return None


@cache
def converter() -> OfflineConverter:
    """Return an offline converter, the same one for all cases."""
    with tempfile.TemporaryDirectory() as home:
        seeds.write_folder(seeds.bundles()["bundle"], Path(home))
        found = Converter(load(Path(home)))
    return OfflineConverter(found, GriffinLim(seeds.AUDIO, 1))


def bundle(folder: Path, work: Path) -> str | None:
    """Show the card of a bundle, and convert with it."""
    path = locate(next(iter(sorted(folder.iterdir())), folder))
    found = load(path)
    card.text(found, path)
    mel = Converter(found).convert(torch.zeros(found.audio.n_mels, 2 * found.chunk.width))
    return None if torch.isfinite(mel).all() else "conversion: not finite"


def command(name: str, *words: str) -> None:
    """Run a command in this process, as ``python -m melgan_vc.NAME WORDS`` does.

    Raises:
        SystemExit: it ended with a line for the user.
    """
    sys.argv = [name, *words]
    importlib.import_module(f"melgan_vc.{name}").main()


def resume(home: Path, batches: int, folder: Path, work: Path) -> str | None:
    """Resume a training from a run directory."""
    for name, source in (("run", folder), ("store", home / "store")):
        shutil.copytree(source, work / name, symlinks=True)
    data = [f"data.{domain}={home / domain}" for domain in ("source", "target")]
    more = [f"trainer.max_batches={batches}", f"data.store={work / 'store'}", "logger=csv"]
    command("train", f"resume={work / 'run'}", *data, *more)
    return None


def with_rest(rest: Files, body: Body, folder: Path, work: Path) -> str | None:
    """Add files that are not mutated to the input."""
    joined = work / "joined"
    shutil.copytree(folder, joined, symlinks=True)
    seeds.write_folder({name: data for name, data in rest.items() if not (joined / name).exists()}, joined)
    return body(joined, work)


def stored_config(home: Path, batches: int, folder: Path, work: Path) -> str | None:
    """Read what ``evaluate`` needs of a run directory, or resume from it."""
    if pick(folder, 2):
        return resume(home, batches, folder, work)
    read_header(folder)
    sound_of(run_config(folder / NAME))
    return None


def experiment(home: Path, folder: Path, work: Path) -> str | None:
    """Train a batch as an experiment file of a user's says."""
    shutil.copytree(folder, work / "conf" / "experiment", symlinks=True)
    places = [f"data.{domain}={home / domain}" for domain in ("source", "target")]
    places += [f"data.store={work / 'store'}", f"run_dir={work / 'run'}"]
    small = [word for word in seeds.TRAINING if not word.startswith("callbacks.")]
    for path in sorted((work / "conf" / "experiment").iterdir()):
        words = [f"experiment={path.stem}", *small, *places, "callbacks=none", "trainer.max_batches=1"]
        command("train", "--config-dir", str(work / "conf"), *words)
    return None


def store(source: Path, right: Mels, folder: Path, work: Path) -> str | None:
    """Prepare recordings whose store is damaged: it is found or made again, complete."""
    shutil.copytree(folder, work / "store", symlinks=True)
    found = mels_of(prepared(source, work))
    if found.keys() != right.keys():
        return f"recordings: {sorted(found)} instead of {sorted(right)}"
    wrong = [name for name, mel in found.items() if not np.array_equal(mel, right[name])]
    return f"mels: of {wrong} are others" if wrong else None


def shards(folder: Path, work: Path) -> str | None:
    """Read shards as a training does, and as its validation does."""
    shutil.copytree(folder, work / "shards", symlinks=True)
    found = opened(str(work / "shards"), Streaming(str(work), str(work), crops=2, pool=4), seeds.AUDIO)
    window = seeds.CHUNK.width * seeds.CHUNK.splits
    mels = [found.start(segment, segment.frames) for segment in found.split(window, 0.3).validation]
    windows = PooledWindows(found.reader("train", 0), window, found.streaming, 0, 0, seeds.AUDIO.n_mels)
    mels += [batch.numpy() for batch in islice(windows.batches(0, 4, 0, 1), 3)]
    return None if all(np.isfinite(mel).all() for mel in mels) else "mels: not finite"


def evaluation(folder: Path, work: Path) -> str | None:
    """Make a page, records, a listening test or a leaderboard of what evaluations and runs left."""
    if (folder / "answers.csv").exists():
        answers.analysed([folder / "answers.csv"], folder / "key.json")
        return None
    kind = pick(folder, 4)
    if kind == 0:
        evaluation_page.write(work / "page", kept.found([folder]))
    elif kind == 1:
        experiments.keep(kept.found([folder]), work / "experiment")
    elif kind == 2:
        listening.write(kept.found([folder]), work / "test", ["abx", "mos"], 2, 0)
    else:
        shutil.copytree(folder, work / "runs", symlinks=True)
        leaderboard.write(work / "runs", "auto", work / "board")
    return None


def h5(folder: Path, work: Path) -> str | None:
    """Turn the notebook's weights into a bundle."""
    found = load_notebook(folder)
    hop = found.n_mels
    audio, chunk = AudioSpec(16000, hop, 6 * hop, hop), ChunkSpec(found.width, found.splits)
    arguments = {"n_mels": hop, "channels": found.channels}
    pack(found.generator, arguments, audio, chunk, {}, settle=False).save(work / "bundle.safetensors")
    load(work / "bundle.safetensors")
    return None


def live(folder: Path, work: Path) -> str | None:
    """Convert a stream of raw samples."""
    session = Session(LiveSteps(converter().converter, GriffinLim(seeds.AUDIO, 1)), Settings(8000, 1, 800))
    for path in (path for path in sorted(folder.glob("*")) if path.is_file() and not path.is_symlink()):
        pcm = Pcm("f32" if path.suffix == ".f32" else "s16", 1)
        given = out = 0
        for block in pcm.read(io.BytesIO(path.read_bytes()), 800):
            given += len(block)
            samples = session.step(block)
            out += len(samples)
            if not is_sound(samples):
                return "samples: not finite, or beyond full scale"
        last = session.end()
        if not is_sound(last) or out + len(last) != given:
            return f"samples: {out + len(last)} instead of {given}, or not finite"
    return None


def logs(folder: Path, work: Path) -> str | None:
    """Continue what loggers wrote, as a resumed training does."""
    shutil.copytree(folder, work / "run", symlinks=True)
    logger = CsvLog(str(work / "run"))
    logger.begin(Start({}, {}, batch_count=4))
    logger.log_metrics({"generator/travel": 1.0}, 5)
    logger.save()
    offline = WandbLog.__new__(WandbLog)  # without the process that wandb starts
    offline.folder, offline.last, offline.last_of_all = work / "run", {}, -1
    offline.read_back(Start({}, {}, batch_count=4, memory={"id": "abc"}))
    return None
