"""What is fuzzed: for each area its seeds, and what is called with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from melgan_vc.cli import CONF
from tools.fuzz import bodies, seeds
from tools.fuzz.mutations import Files
from tools.fuzz.sandbox import Body

EXPERIMENTS = ("quickstart", "voice_best", "genre_quickstart")  # files of conf/ that a user's own may look like


@dataclass(frozen=True)
class Area:
    """A kind of input.

    Attributes:
        seeds: files by the names of seeds, which all survive as they are.
        body: takes the folder of the input, which it must not write to, and a folder for all that it writes; returns
            what is wrong with the result, if anything is.
        share: of cases, where all areas are fuzzed together.
        is_isolated: whether its seeds are tried in a child process: it computes gradients, which PyTorch does not
            allow in a process whose parent has done so, or starts threads.
    """

    seeds: Mapping[str, Files]
    body: Body
    share: float = 1.0
    is_isolated: bool = False


def of_run(home: Path) -> tuple[Files, Files]:
    """Return the files of a run directory: what a loader of checkpoints reads, and the config, tables and records."""
    files = {name: data for name, data in seeds.read_folder(seeds.training(home)).items() if "samples/" not in name}
    texts = {name: data for name, data in files.items() if name.endswith((".csv", "config.yaml", ".json"))}
    return {name: data for name, data in files.items() if name not in texts}, texts


def checkpoint(home: Path) -> Area:
    checkpoints, texts = of_run(home)
    resume = partial(bodies.resume, home, seeds.BATCHES + 1)
    return Area({"run": checkpoints}, partial(bodies.with_rest, texts, resume), 0.1, True)


def config(home: Path) -> Area:
    checkpoints, texts = of_run(home)
    read = partial(bodies.stored_config, home, seeds.BATCHES)
    return Area({"run": {"config.yaml": texts["config.yaml"]}}, partial(bodies.with_rest, checkpoints, read), 0.4, True)


def experiment(home: Path) -> Area:
    seeds.recordings(home)
    files: dict[str, Files] = {
        name: {"mine.yaml": (CONF / "experiment" / f"{name}.yaml").read_bytes()} for name in EXPERIMENTS
    }
    return Area(files, partial(bodies.experiment, home), 0.15, True)


def store(home: Path) -> Area:
    source, _ = seeds.recordings(home)
    made = bodies.prepared(source, home / "prepared")
    files = seeds.read_folder(home / "prepared" / "store")
    return Area({"store": files}, partial(bodies.store, source, bodies.mels_of(made)))


def shards(home: Path) -> Area:
    source, _ = seeds.recordings(home)
    return Area(seeds.shards(bodies.prepared(source, home / "prepared"), home / "shards"), bodies.shards, 0.5, True)


AREAS: Mapping[str, Callable[[Path], Area]] = {  # made in a folder for what their seeds are made from
    "decode": lambda home: Area(seeds.sounds(), bodies.decode, 2.0),
    "bundle": lambda home: Area(seeds.bundles(), bodies.bundle, 1.5),
    "checkpoint": checkpoint,
    "config": config,
    "experiment": experiment,
    "store": store,
    "shards": shards,
    "evaluation": lambda home: Area(seeds.evaluations(), bodies.evaluation),
    "h5": lambda home: Area(seeds.notebook(), bodies.h5, 0.25),
    "live": lambda home: Area(seeds.pcm(), bodies.live, 0.5),
    "logs": lambda home: Area(seeds.logs(), bodies.logs),
}
