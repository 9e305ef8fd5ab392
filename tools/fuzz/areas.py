"""What is fuzzed: for each area its seeds, and the function that a command calls with what somebody gives it."""

import importlib
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from melgan_vc.cli import CONF, explanation
from tools.fuzz import seeds
from tools.fuzz.mutations import Files

Body = Callable[[Path, Path], str | None]


@dataclass(frozen=True)
class Area:
    """A kind of input.

    Attributes:
        seeds: files by the names of seeds, which all survive as they are.
        body: takes the folder of the input, which it must not write to, and a folder for all that it writes; returns
            what is wrong with what it found, if anything is.
        share: of cases, where all areas are fuzzed together.
        trains: whether it computes gradients, which PyTorch does not allow in a process whose parent has done so.
    """

    seeds: Mapping[str, Files]
    body: Body
    share: float = 1.0
    trains: bool = False


def refusal(error: Exception) -> str | None:
    """Return the line that a command ends with, or None where it would show a traceback."""
    return explanation(error)


def pick(folder: Path, count: int) -> int:
    """Return a number below ``count`` that depends on the names and sizes of files alone."""
    there = sorted((path.name, path.lstat().st_size) for path in folder.rglob("*"))
    return zlib.crc32(repr(there).encode(errors="surrogateescape")) % count


def is_sound(samples: Any) -> bool:
    """Tell whether samples are numbers that a device could play."""
    values = np.asarray(samples)
    return bool(np.isfinite(values).all() and (np.abs(values) <= 1.0001).all())


def decode(folder: Path, work: Path) -> str | None:
    """Prepare recordings and convert the first one."""
    from melgan_vc.data.corpora import Folders
    from melgan_vc.data.corpus import find
    from melgan_vc.data.prepare import prepare
    from melgan_vc.data.work import Work
    from melgan_vc.inference.jobs import Job

    store = prepare(Folders(str(folder)), seeds.AUDIO, work / "store", work=Work(workers=0, progress=False))
    assert store is not None
    for item in store.items:
        if not np.isfinite(store.mel(item)).all():
            return "mels: not finite"
    for outcome in converter().convert_files([Job(path, work / "out.wav") for path in find(folder)[:1]]):
        if outcome.error is not None:
            raise outcome.error
    return None


_kept: dict[str, Any] = {}  # what is made once for all cases


def converter() -> Any:
    """Return an offline converter, made once for all cases."""
    from melgan_vc.audio.griffin_lim import GriffinLim
    from melgan_vc.bundle import load
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.offline import OfflineConverter

    if "converter" not in _kept:
        with tempfile.TemporaryDirectory() as home:
            seeds.write_folder(seeds.bundles()["bundle"], Path(home))
            found = Converter(load(Path(home)))
        _kept["converter"] = OfflineConverter(found, GriffinLim(seeds.AUDIO, 1))
    return _kept["converter"]


def bundle(folder: Path, work: Path) -> str | None:
    """Show the card of a bundle, and convert with it."""
    from melgan_vc import bundle as bundles
    from melgan_vc.evaluation import card
    from melgan_vc.inference.converter import Converter

    path = bundles.locate(next(iter(sorted(folder.iterdir())), folder))
    found = bundles.load(path)
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


def evaluate(home: Path, folder: Path, work: Path) -> str | None:
    """Read what ``evaluate`` needs of a run directory; else as :func:`resume`."""
    from melgan_vc import evaluate as evaluating
    from melgan_vc.bundle_header import NAME, read_header

    if pick(folder, 2):
        return resume(home, seeds.BATCHES, folder, work)
    read_header(folder)
    evaluating.sound_of(evaluating.run_config(folder / NAME))
    return None


def experiment(folder: Path, work: Path) -> str | None:
    """Train a batch as an experiment file of a user's says."""
    shutil.copytree(folder, work / "conf" / "experiment", symlinks=True)
    source, target = seeds.recordings(work, 2)
    for path in sorted((work / "conf" / "experiment").iterdir()):
        more = [
            f"data.source={source}",
            f"data.target={target}",
            f"data.store={work / 'store'}",
            f"run_dir={work / 'run'}",
        ]
        small = [word for word in seeds.TRAINING if not word.startswith("callbacks.")]
        folders = ("--config-dir", str(work / "conf"))
        command("train", *folders, f"experiment={path.stem}", *small, *more, "callbacks=none", "trainer.max_batches=1")
    return None


def store(home: Path, folder: Path, work: Path) -> str | None:
    """Prepare recordings whose store is damaged: it is found or made again, complete."""
    from melgan_vc.data.corpora import Folders
    from melgan_vc.data.prepare import prepare
    from melgan_vc.data.work import Work

    shutil.copytree(folder, work / "store", symlinks=True)
    made = prepare(Folders(str(home / "source")), seeds.AUDIO, work / "store", work=Work(workers=0, progress=False))
    right = _kept["mels"]
    assert made is not None
    found = {item.path: np.asarray(made.mel(item)) for item in made.items}
    if found.keys() != right.keys():
        return f"recordings: {sorted(found)} instead of {sorted(right)}"
    wrong = [name for name, mel in found.items() if not np.array_equal(mel, right[name])]
    return f"mels: of {wrong} are others" if wrong else None


def evaluation(folder: Path, work: Path) -> str | None:
    """Make a page, records, a listening test or a leaderboard of what evaluations and runs left."""
    from melgan_vc.evaluation import answers, evaluation_page, experiments, kept, leaderboard, listening

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
        leaderboard.write(work / "runs", "mel_distance", work / "board")
    return None


def h5(folder: Path, work: Path) -> str | None:
    """Turn the notebook's weights into a bundle."""
    from melgan_vc.bundle import load, pack
    from melgan_vc.networks.notebook import load_notebook
    from melgan_vc.spec import AudioSpec, ChunkSpec

    found = load_notebook(folder)
    hop = found.n_mels
    audio, chunk = AudioSpec(16000, hop, 6 * hop, hop), ChunkSpec(found.width, found.splits)
    arguments = {"n_mels": hop, "channels": found.channels}
    pack(found.generator, arguments, audio, chunk, {}, settle=False).save(work / "bundle.safetensors")
    load(work / "bundle.safetensors")
    return None


def live(folder: Path, work: Path) -> str | None:
    """Convert a stream of raw samples."""
    from melgan_vc.audio.griffin_lim import GriffinLim
    from melgan_vc.inference.live import LiveSteps
    from melgan_vc.inference.pcm import Pcm
    from melgan_vc.inference.session import Session, Settings

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
    from melgan_vc.training.loggers.base import Start
    from melgan_vc.training.loggers.csv import CsvLog
    from melgan_vc.training.loggers.wandb import WandbLog

    shutil.copytree(folder, work / "run", symlinks=True)
    logger = CsvLog(str(work / "run"))
    logger.begin(Start({}, {}, batch_count=4))
    logger.log_metrics({"generator/travel": 1.0}, 5)
    logger.save()
    offline = WandbLog.__new__(WandbLog)  # without the process that wandb starts
    offline.folder, offline.last, offline.last_of_all = work / "run", {}, -1
    offline.read_back(Start({}, {}, batch_count=4, memory={"id": "abc"}))
    return None


def training_areas(home: Path) -> dict[str, Area]:
    """Return the areas that need a training, which is done here."""
    from melgan_vc.data.corpora import Folders
    from melgan_vc.data.prepare import prepare
    from melgan_vc.data.work import Work

    run_dir = seeds.training(home)
    made = prepare(Folders(str(home / "source")), seeds.AUDIO, home / "store", work=Work(workers=0, progress=False))
    assert made is not None
    _kept["mels"] = {item.path: np.array(made.mel(item)) for item in made.items}
    files = {name: data for name, data in seeds.read_folder(run_dir).items() if not name.startswith("samples/")}
    checkpoints: Files = {
        name: data for name, data in files.items() if not name.endswith((".csv", "config.yaml", ".json"))
    }
    rest = {name: data for name, data in files.items() if name not in checkpoints}
    configs = {name: data for name, data in files.items() if name == "config.yaml"}
    return {
        "checkpoint": Area(
            {"run": checkpoints}, partial(with_rest, rest, partial(resume, home, seeds.BATCHES + 1)), 0.5, True
        ),
        "config": Area({"run": configs}, partial(with_rest, checkpoints, partial(evaluate, home)), 0.7, True),
        "store": Area({"store": seeds.read_folder(home / "store")}, partial(store, home)),
    }


def with_rest(rest: Files, body: Body, folder: Path, work: Path) -> str | None:
    """Add files that are not mutated to the input."""
    joined = work / "joined"
    shutil.copytree(folder, joined, symlinks=True)
    seeds.write_folder({name: data for name, data in rest.items() if not (joined / name).exists()}, joined)
    return body(joined, work)


def experiments_of_users() -> dict[str, Files]:
    """Return experiment files like those of conf/."""
    return {
        path.stem: {"mine.yaml": path.read_bytes()}
        for path in sorted((CONF / "experiment").glob("*.yaml"))
        if path.stem in ("quickstart", "voice_best", "genre_quickstart")
    }


PLAIN: Mapping[str, Callable[[], Area]] = {
    "decode": lambda: Area(seeds.sounds(), decode, 2.0),
    "bundle": lambda: Area(seeds.bundles(), bundle, 1.5),
    "experiment": lambda: Area(experiments_of_users(), experiment, 0.5, True),
    "evaluation": lambda: Area(seeds.evaluations(), evaluation),
    "h5": lambda: Area(seeds.notebook(), h5, 0.25),
    "live": lambda: Area(seeds.pcm(), live),
    "logs": lambda: Area(seeds.logs(), logs),
}
TRAINED = ("checkpoint", "config", "store")
NAMES = (*PLAIN, *TRAINED)


def build_areas(names: tuple[str, ...], home: Path) -> dict[str, Area]:
    """Return areas by name.

    Args:
        names: some of ``NAMES``.
        home: a folder for what seeds are made from.
    """
    found = {name: make() for name, make in PLAIN.items() if name in names}
    if set(names) & set(TRAINED):
        found |= {name: area for name, area in training_areas(home).items() if name in names}
    return found
