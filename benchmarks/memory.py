"""What a training at the paper's sizes holds in memory, with an hour of audio a domain.

    python -m benchmarks.memory [minutes=60]

The peak of resident memory while training, above that of the imports, without the preparation before.
"""

import tempfile
from pathlib import Path

from omegaconf import OmegaConf

from benchmarks.profiles import profile, recordings
from melgan_vc.cli import explained
from melgan_vc.evaluation.tables import aligned


def main() -> None:
    given = OmegaConf.merge({"minutes": 60.0}, OmegaConf.from_cli())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            *recordings(Path(folder), given.minutes),
            f"data.store='{folder}/prepared'",
            "cycles=3",
            "warm_up=2",
        ]
        profile(*overrides, "networks=small")  # prepares
        for precision in ("32-true", "bf16-mixed"):
            found = profile(*overrides, f"trainer.precision={precision}")
            before, peak = (found[name] / 1e9 for name in ("memory_bytes_before", "memory_bytes"))
            rows.append((precision, f"{before:.2f}", f"{peak:.2f}", f"{peak - before:.2f}"))
    print(f"Paper sizes, batch 16, {given.minutes:g} minutes a domain; resident memory in GB\n")
    print(aligned(("precision", "imports", "peak", "above"), rows))


if __name__ == "__main__":
    with explained():
        main()
