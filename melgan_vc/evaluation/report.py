"""Figures as a table, a CSV and JSON."""

import csv
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from melgan_vc.evaluation.protocol import Row, Summary
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.measures.intervals import Mean

COLUMNS = {  # of means: heading and format
    "to_target": ("cosine to target", ".3f"),
    "to_source": ("cosine to source", ".3f"),
    "mcd": ("MCD (dB)", ".2f"),
    "f0_cents": ("F0 off (cents)", ".0f"),
    "f0_correlation": ("F0 correlation", ".2f"),
    "voicing": ("voicing F1", ".2f"),
}


def table(summary: Sequence[Summary]) -> str:
    """A Markdown table with one line a kind."""
    lines = [
        (
            line.kind,
            *(interval(line.means[name], form) for name, (_, form) in COLUMNS.items()),
            number(line.median_f0, ".0f"),
            number(line.f0_error, "+.1%"),
        )
        for line in summary
    ]
    headings = ("", *(heading for heading, _ in COLUMNS.values()), "median F0 (Hz)", "F0 against target")
    return aligned(headings, lines)


def verdict(summary: Sequence[Summary], rivals: Collection[str], kind: str = "converted") -> str:
    """Whether conversions are nearer to the target than those that need no training, as a sentence."""
    by_kind = {line.kind: line.means for line in summary}
    lost = [
        f"{rival} in {heading}"
        for rival in rivals
        for name, heading, sign in (("to_target", "cosine to target", 1), ("mcd", "MCD", -1))
        if not sign * by_kind[kind][name].value > sign * by_kind[rival][name].value
    ]
    if lost:
        return f"The model does NOT beat {', '.join(lost)}: train longer, or on more or cleaner recordings."
    return f"The model beats {' and '.join(rivals)} in cosine to target and in MCD."


def interval(mean: Mean, form: str) -> str:
    """A mean with its 95 % interval."""
    if not mean.count:
        return "-"
    return f"{mean.value:{form}} ({mean.low:{form}} to {mean.high:{form}})"


def number(value: float, form: str) -> str:
    """A number, or a dash where nothing was voiced."""
    return "-" if math.isnan(value) else format(value, form)


def plain(row: Row | Summary) -> dict[str, Any]:
    """A row as JSON has it: without NaN."""
    return without_nan(asdict(row))


def without_nan(value: Any) -> Any:
    """The same, with None in place of NaN."""
    if isinstance(value, Mapping):
        return {key: without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def write(folder: Path, rows: Sequence[Row], summary: Sequence[Summary], about: Mapping[str, object]) -> None:
    """metrics.json with everything and metrics.csv with one line a recording, each in one step."""
    everything = {**about, "summary": [plain(line) for line in summary], "recordings": [plain(row) for row in rows]}
    with replacing(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
    with replacing(folder / "metrics.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
