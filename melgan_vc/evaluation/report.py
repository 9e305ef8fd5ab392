"""Figures as a table, a CSV and JSON."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.intervals import Mean

HEADINGS = ("", "cosine to target", "cosine to source", "median F0 (Hz)", "F0 against target")


def table(summary: Sequence[Summary]) -> str:
    """A Markdown table with one line a kind."""
    lines = [
        (
            line.kind,
            interval(line.to_target),
            interval(line.to_source),
            number(line.median_f0, ".0f"),
            number(line.f0_error, "+.1%"),
        )
        for line in summary
    ]
    return aligned(HEADINGS, lines)


def interval(mean: Mean) -> str:
    """A mean with its 95 % interval."""
    return f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})"


def number(value: float, form: str) -> str:
    """A number, or a dash where nothing was voiced."""
    return "-" if math.isnan(value) else format(value, form)


def plain(row: Row | Summary) -> dict[str, Any]:
    """A row as JSON has it: without NaN."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(row).items()
    }


def write(folder: Path, rows: Sequence[Row], summary: Sequence[Summary], about: Mapping[str, object]) -> None:
    """metrics.json with everything and metrics.csv with one line a recording, each in one step."""
    everything = {**about, "summary": [plain(line) for line in summary], "recordings": [plain(row) for row in rows]}
    with replacing(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
    with replacing(folder / "metrics.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
