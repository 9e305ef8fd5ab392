"""python -m melgan_vc.profile: where a training's time goes."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError
from melgan_vc.text import counted

if TYPE_CHECKING:
    from melgan_vc.training.rehearsal import Costs

SMALL = 0.005  # share of a cycle that is worth a line of a callback's own
RECORD, TRACE = "profile.json", "trace.json"


@command("profile")
def main(cfg: DictConfig) -> None:
    for name in ("cycles", "warm_up"):
        if isinstance(cfg[name], bool) or not isinstance(cfg[name], int) or cfg[name] < 1:
            raise UserError(f"{name} is {cfg[name]!r}: give a whole number from 1")
    from melgan_vc.files import replacing
    from melgan_vc.training.rehearsal import measure

    output = expand_user(cfg.output)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, replacing(output / TRACE) as trace:
        costs = measure(cfg, Path(folder), cfg.cycles, cfg.warm_up, trace)
    with replacing(output / RECORD) as temporary:
        temporary.write_text(json.dumps(plain(costs), indent=1) + "\n", encoding="utf-8")
    print(
        f"\n{text(costs)}\n\nAll figures: {output / RECORD}; each call of a cycle: {output / TRACE} (ui.perfetto.dev)"
    )


def plain(costs: "Costs") -> dict[str, Any]:
    """As JSON has it."""
    import platform

    import torch

    return {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "device": costs.device_name,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "cycle_seconds": list(costs.cycles),
        "batches": costs.arithmetic.batches,
        "part_seconds": costs.parts,
        "flop": costs.arithmetic.networks,
        "matrix_product_flop_per_second": costs.product,
        "computed_in": str(costs.kind).removeprefix("torch."),
        "memory_bytes": costs.memory,
        "memory_bytes_before": costs.before,
    }


def text(costs: "Costs") -> str:
    """What a reader wants to know first."""
    from melgan_vc.evaluation.tables import aligned

    whole = sum(costs.parts.values())
    shown: dict[str, float] = {}
    for part, seconds in costs.parts.items():
        name = "other callbacks" if part.startswith("callback ") and seconds < SMALL * whole else part
        shown[name] = shown.get(name, 0) + seconds
    largest = sorted(shown.items(), key=lambda one: -one[1])
    rows = [(part, f"{1000 * seconds:.2f}", f"{seconds / whole:.1%}") for part, seconds in largest]
    speeds = []
    for network, flop in costs.arithmetic.networks.items():
        seconds = sum(spent for part, spent in costs.parts.items() if part.startswith(f"{network} "))
        speeds.append((network, *speed(flop, seconds, costs.product)))
    speeds.append(("a whole cycle", *speed(costs.arithmetic.cycle, costs.cycle, costs.product)))
    batches = costs.arithmetic.batches
    cycle = counted(batches, "batch", "batches")
    kind = str(costs.kind).removeprefix("torch.")
    return "\n\n".join(
        (
            aligned(("part", "ms a cycle", "share"), rows),
            aligned(("", "GFLOP a cycle", "GFLOP/s", "of a matrix product"), speeds),
            f"A cycle of {cycle} takes {1000 * costs.cycle:.1f} ms (median of {len(costs.cycles)}): "
            f"{batches / costs.cycle:.2f} batches a second on {costs.device_name}.\n"
            f"A matrix product in {kind} reaches {costs.product / 1e9:.0f} GFLOP/s there.\n"
            f"Memory at its peak: {costs.memory / 1e9:.2f} GB"
            + (f", {(costs.memory - costs.before) / 1e9:.2f} GB above the imports'." if costs.before else " there."),
        )
    )


def speed(flop: float, seconds: float, product: float) -> tuple[str, str, str]:
    """GFLOP, GFLOP/s, and the share of what a matrix product reaches."""
    if not seconds:
        return f"{flop / 1e9:.1f}", "-", "-"
    return f"{flop / 1e9:.1f}", f"{flop / seconds / 1e9:.0f}", f"{flop / seconds / product:.0%}"


if __name__ == "__main__":
    main()
