"""Whether fast settings learn what plain ones learn: held-out measures after 300 batches, three seeds each.

    python -m benchmarks.equivalence [batches=300] [seeds=[0,1,2]]

The quickstart in float32, under bfloat16 and compiled. A fast setting is inside the spread of a measure where the mean
of its seeds lies between the lowest and the highest plain seed. That losses are the same, batch by batch, is tested:
``tests/training/test_compiled.py``, and against a bare loop ``tests/training/test_arithmetic.py``.
"""

import csv
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from tqdm import tqdm

from benchmarks.profiles import ROOT
from melgan_vc.cli import explained
from melgan_vc.evaluation.tables import aligned

PLAIN = "float32"
SETTINGS = {
    PLAIN: ["trainer.precision=32-true"],
    "bfloat16": ["trainer.precision=bf16-mixed"],
    "compiled": ["trainer.precision=32-true", "trainer.compile=default"],
}
MEASURES = ("mel_distance", "travel", "content_agreement", "spread", "change", "seam_ratio", "to_target", "to_source")


def held_out(folder: Path, batches: int, seed: int, settings: list[str]) -> dict[str, float]:
    """The measures of the last batch of a training."""
    given = ["experiment=quickstart", f"seed={seed}", f"trainer.max_batches={batches}", "trainer.max_minutes=null"]
    given += [f"callbacks.validation.every_batches={batches}", f"run_dir='{folder / 'run'}'", "logger=csv", *settings]
    command = [sys.executable, "-m", "melgan_vc.train", *given, f"data.store='{folder.parent / 'prepared'}'"]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with (folder / "run" / "metrics.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["held_out/travel"]]
    return {name: float(rows[-1][f"held_out/{name}"]) for name in MEASURES if rows[-1].get(f"held_out/{name}")}


def span(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    given: Any = OmegaConf.merge({"batches": 300, "seeds": [0, 1, 2]}, OmegaConf.from_cli())
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SETTINGS}
    with tempfile.TemporaryDirectory() as folder:
        for name, seed in tqdm([(name, seed) for name in SETTINGS for seed in given.seeds], desc="trainings"):
            place = Path(folder) / f"{name}-{seed}"
            found[name].append(held_out(place, given.batches, seed, SETTINGS[name]))
    rows = []
    for measure in found[PLAIN][0]:
        by_setting = {name: [one[measure] for one in runs] for name, runs in found.items()}
        plain = by_setting.pop(PLAIN)
        inside = [min(plain) <= statistics.mean(values) <= max(plain) for values in by_setting.values()]
        rows.append((measure, span(plain), *map(span, by_setting.values()), " ".join("-+"[one] for one in inside)))
    print(f"After {given.batches} batches: mean of {len(given.seeds)} seeds (lowest to highest)\n")
    print(aligned(("held out", *SETTINGS, "inside"), rows))


if __name__ == "__main__":
    with explained():
        main()
