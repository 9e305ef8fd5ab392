"""How time and memory of training grow with chunk width, splits, batch, channels and minutes of data.

    python -m benchmarks.scaling [output=benchmarks/scaling.png] [precision=32-true] [more=[KEY=VALUE]]

One setting changes at a time, from the quickstart's sizes on: 64 channels, 3 chunks of 24 frames, batch 16, ten minutes
a domain; each point is a process of its own.
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from omegaconf import OmegaConf
from tqdm import tqdm

from benchmarks.profiles import ROOT, profile, recordings
from melgan_vc.audio.pictures import save_figure
from melgan_vc.cli import explained
from melgan_vc.evaluation.tables import aligned

AXES: dict[str, tuple[float, ...]] = {
    "chunk width": (8, 16, 24, 48, 96),
    "splits": (2, 3, 6, 12),
    "batch": (4, 8, 16, 32, 64),
    "channels": (32, 64, 128, 256),
    "minutes of data": (10, 60, 300),
}


def overrides(axis: str, value: float, folder: Path) -> list[str]:
    """Settings of a point."""
    if axis == "chunk width":
        return [f"chunk.width={value:g}"]
    if axis == "splits":
        return [f"chunk.splits={value:g}"]
    if axis == "batch":
        return [f"data.batch_size={value:g}"]
    if axis == "channels":
        sizes = {"generator": value, "siamese": value, "discriminator": 2 * value}
        return [f"networks.{name}.channels={size:g}" for name, size in sizes.items()]
    return recordings(folder, value)


def points(folder: Path, common: list[str]) -> Iterator[tuple[str, float, dict[str, Any]]]:
    prepared = False
    todo = [(axis, value) for axis, values in AXES.items() for value in values]
    for axis, value in tqdm(todo, desc="points"):
        given = [*common, *overrides(axis, value, folder), f"data.store='{folder}/prepared'"]
        if axis == "minutes of data" or not prepared:
            profile(*given, "cycles=1", "warm_up=1")  # prepares, so that its memory does not count
            prepared = True
        yield axis, value, profile(*given, "cycles=7", "warm_up=3")


def figure(found: dict[str, list[tuple[float, float, float]]]) -> Figure:
    """Milliseconds a cycle and memory against each axis."""
    drawn = Figure(figsize=(3.2 * len(found), 5), layout="constrained")
    places = drawn.subplots(2, len(found), sharey="row", squeeze=False)
    for column, (axis, rows) in enumerate(found.items()):
        values, times, memories = zip(*rows, strict=True)
        for place, heights, unit in zip(
            places[:, column], (times, memories), ("ms a cycle", "GB above imports"), strict=True
        ):
            place.plot(values, heights, marker="o")
            place.set(xscale="log", xlabel=axis, ylabel=unit if column == 0 else "")
            place.set_xticks(values, [f"{value:g}" for value in values])
            place.minorticks_off()
            place.grid(alpha=0.3)
    for row in (1, 2):
        places[row - 1, 0].set_ylim(0, 1.05 * max(point[row] for rows in found.values() for point in rows))
    return drawn


def main() -> None:
    settings = {"output": str(ROOT / "benchmarks" / "scaling.png"), "precision": "32-true", "more": []}
    given: Any = OmegaConf.merge(settings, OmegaConf.from_cli())
    common = ["networks=small", f"trainer.precision={given.precision}", *given.more]
    found: dict[str, list[tuple[float, float, float]]] = {}
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for axis, value, costs in points(Path(folder), common):
            seconds, flop = statistics.median(costs["cycle_seconds"]), sum(costs["flop"].values())
            memory = (costs["memory_bytes"] - costs["memory_bytes_before"]) / 1e9
            found.setdefault(axis, []).append((value, 1000 * seconds, memory))
            of_it = flop / seconds / costs["matrix_product_flop_per_second"]
            table.append(
                (axis, f"{value:g}", f"{flop / 1e9:.1f}", f"{1000 * seconds:.1f}", f"{of_it:.0%}", f"{memory:.2f}")
            )
    save_figure(figure(found), Path(given.output).expanduser())
    print(aligned(("axis", "value", "GFLOP", "ms a cycle", "of a matrix product", "GB above imports"), table))
    print(f"\nDrawn: {Path(given.output).name}")


if __name__ == "__main__":
    with explained():
        main()
