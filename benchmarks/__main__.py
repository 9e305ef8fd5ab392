"""All benchmarks, one after the other: a table of each, with the machine and the versions.

    python -m benchmarks [only=[NAME,...]] [output=benchmarks/results.md] [bundle=RUN]

Each is a process of its own; parts of the results that are not run again are kept. Those that convert take a bundle;
without one, a short training makes it. About half an hour on two cores; ``benchmarks/README.md`` says what each
measures.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any

import torch
from omegaconf import OmegaConf

from melgan_vc.cli import explained
from melgan_vc.errors import UserError
from melgan_vc.files import replacing

ROOT = Path(__file__).resolve().parent.parent
VOICES = "bundled:voices/heldout/source"
BATCHES = 1000  # of the training that makes a bundle
HEAD = "Written by `python -m benchmarks`; what each part measures: [README.md](README.md)."
LIBRARIES = ("torch", "lightning", "torchaudio", "numpy", "librosa")
BENCHMARKS = {
    "training_step": ["training_step"],
    "compiled_step": ["training_step", "compile=default"],
    "convolutions": ["convolutions"],
    "callbacks": ["callbacks", "3", "500"],
    "equivalence": ["equivalence"],
    "memory": ["memory"],
    "scaling": ["scaling"],
    "windows": ["windows"],
    "preparation": ["preparation", "1"],
    "inversion": ["inversion", f"audio={VOICES}", "output={folder}/inversion.json"],
    "conversion": ["conversion", "bundle={bundle}", f"audio={VOICES}", "output={folder}/conversion.json"],
    "streaming": ["streaming", "bundle={bundle}", f"audio={VOICES}/01.ogg"],
    "known_answers": ["known_answers"],
}


def machine() -> str:
    """What all figures depend on."""
    cpu = platform.processor() or platform.machine()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    hardware = f"{named[0] if named else cpu}, {os.cpu_count()} cores, {gpu}"
    return f"{hardware}; Python {platform.python_version()}, {libraries}; {datetime.now(UTC):%Y-%m-%d}"


def started(words: list[str]) -> str:
    """What a command prints.

    Raises:
        UserError: it failed.
    """
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{' '.join(words)}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def trained(folder: Path) -> str:
    """A bundle to convert with."""
    run = folder / "run"
    given = ["experiment=quickstart", f"trainer.max_batches={BATCHES}", "callbacks.validation=null"]
    started(["melgan_vc.train", *given, f"run_dir='{run}'", f"data.store='{folder / 'prepared'}'"])
    return str(run)


def markdown(text: str) -> str:
    """What a benchmark printed, with lines that are no table as they stood."""
    groups = groupby(text.splitlines(), key=lambda line: line.startswith("|"))
    parts = ["\n".join(lines) if table else indent("\n".join(lines).strip("\n"), "    ") for table, lines in groups]
    return "\n\n".join(part for part in parts if part.strip())


def kept(path: Path) -> dict[str, str]:
    """The parts of results that were written before, by their headings."""
    if not path.is_file():
        return {}
    parts = path.read_text(encoding="utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0].strip(): part.partition("\n")[2].strip() for part in parts}


def write(path: Path, parts: dict[str, str]) -> None:
    known = [f"## {name}\n\n{parts[name]}" for name in BENCHMARKS if name in parts]
    with replacing(path) as temporary:
        temporary.write_text("\n\n".join(["# Results", HEAD, *known]) + "\n", encoding="utf-8")


def main() -> None:
    settings = {"only": list(BENCHMARKS), "output": str(ROOT / "benchmarks" / "results.md"), "bundle": None}
    given: Any = OmegaConf.merge(settings, OmegaConf.from_cli())
    unknown = sorted(set(given.only) - set(BENCHMARKS))
    if unknown:
        raise UserError(f"only is {unknown}: give some of {', '.join(BENCHMARKS)}")
    output, bundle = Path(given.output).expanduser(), given.bundle
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            print(f"{name} ...", end=" ", flush=True)
            if bundle is None and any("{bundle}" in word for word in BENCHMARKS[name]):
                bundle = trained(Path(folder))
            begun = time.perf_counter()
            module, *more = (word.format(bundle=bundle, folder=folder) for word in BENCHMARKS[name])
            try:
                found = started([f"benchmarks.{module}", *more])
            except UserError as error:
                failed.append(str(error))
                print(f"failed: {error}", flush=True)
                continue
            print(f"{time.perf_counter() - begun:.0f} s\n\n{found}\n", flush=True)
            write(
                output, kept(output) | {name: f"{markdown(found)}\n\n*{machine()}*"}
            )  # now: an interruption loses no figure
    print(f"Kept: {output}")
    if failed:
        raise UserError(f"{len(failed)} of {len(given.only)} failed: {'; '.join(failed)}")


if __name__ == "__main__":
    with explained():
        main()
