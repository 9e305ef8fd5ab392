"""The page of one evaluation, or of several side by side: figures, curves, sound, pictures, settings."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.errors import UserError
from melgan_vc.evaluation import page, report
from melgan_vc.evaluation.charts import curves, pitches
from melgan_vc.evaluation.columns import COLUMNS, MEANS
from melgan_vc.evaluation.kept import CONVERTED, PICTURED, Evaluation, kind_name, read, tracks
from melgan_vc.evaluation.runs import NOT_COMPARED
from melgan_vc.spec import AudioSpec

PAGE = "index.html"
RANKED_BY = ("mcd", "to_target", "chroma", "cer")  # the first one that was measured orders the recordings
SHOWN = 12  # recordings on the page: the worst and the best ones


def write(output: Path, folders: Sequence[Path]) -> Path:
    """Write the page of evaluations into a folder; returns where it is."""
    evaluations = read(folders)
    first = evaluations[0]
    several = len(evaluations) > 1
    sounds = {one.record["sound"] for one in evaluations}
    if len(sounds) > 1:
        raise UserError(f"{', '.join(str(one.folder) for one in evaluations)}: voices and music cannot be on one page")
    audio = AudioSpec(**first.record["audio"])
    measures = [name for name in COLUMNS if any(report.has(line, name) for line in first.summary)]
    ranking = next((name for name in RANKED_BY if name in measures), measures[0])
    content = {
        "title": f"{len(evaluations)} evaluations" if several else f"Evaluation: {first.record['bundle']}",
        "evaluations": evaluations,
        "several": several,
        "verdicts": [
            f"{f'{one.name}: ' if several else ''}{line}"
            for one in evaluations
            for line in report.verdicts(one.summary, one.record)
        ],
        "headings": [COLUMNS[name] for name in measures],
        "lines": lines(evaluations, measures),
        "curves": curves(evaluations),
        "clips": clips(evaluations, audio, ranking, output),
        "ranking": COLUMNS[ranking].heading,
        "orders": [(name, COLUMNS[name].heading) for name in measures if name in MEANS],
        "changed": changed(evaluations),
        "cards": [(one.name, card(one)) for one in evaluations],
        "facts": [(one.name, facts(one)) for one in evaluations],
        "data": [(one.name, one.record["data_report"]) for one in evaluations if one.record.get("data_report")],
        "settings": sorted(first.record.get("settings", {}).items()),
        "count": len(first.names("source")),
    }
    page.write(output / PAGE, "evaluation.html", content)
    return output / PAGE


def lines(evaluations: Sequence[Evaluation], measures: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """The table: name, class and cells of each line; what no model changes is there once."""
    first = evaluations[0]
    found = []
    for line in first.summary:
        if line.kind != CONVERTED:
            found.append((line.kind, "", [report.cell(line, name) for name in measures]))
            continue
        for one in evaluations:
            own = next(each for each in one.summary if each.kind == CONVERTED)
            found.append((kind_name(evaluations, one), "model", [report.cell(own, name) for name in measures]))
    return found


def clips(evaluations: Sequence[Evaluation], audio: AudioSpec, ranking: str, folder: Path) -> list[dict[str, Any]]:
    """The recordings on the page, the worst first."""
    first = evaluations[0]
    way = COLUMNS[ranking].better
    sign = 1 if way == "max" else -1

    def score(name: str) -> float:
        value = first.value(name, CONVERTED, ranking)
        return -math.inf if math.isnan(value) else sign * value

    ranked = sorted(first.names("source"), key=score)
    if len(ranked) > SHOWN:
        ranked = [*ranked[: SHOWN // 2], *ranked[-(SHOWN - SHOWN // 2) :]]
    return [clip(evaluations, audio, name, place, folder) for place, name in enumerate(ranked)]


def clip(evaluations: Sequence[Evaluation], audio: AudioSpec, name: str, place: int, folder: Path) -> dict[str, Any]:
    """A recording of the source and all that was made of it."""
    kinds = list(tracks(evaluations, name, place))
    longest = max(len(one.waveform) for one in kinds)
    front_end = MelTransform(audio)
    pictured = [one for one in kinds if one.kind in PICTURED]
    measured = {measure: evaluations[0].value(name, CONVERTED, measure) for measure in MEANS}
    return {
        "name": name,
        "seconds": f"{longest / audio.sample_rate:.3f}",
        "values": {measure: f"{value:.6g}" for measure, value in measured.items() if not math.isnan(value)},
        "figures": [
            f"{COLUMNS[measure].heading} {value:{COLUMNS[measure].form}}"
            for measure, value in measured.items()
            if not math.isnan(value)
        ],
        "tracks": [
            {
                "label": one.label,
                "colour": one.colour,
                "sound": page.sound(one.waveform, audio.sample_rate),
                "start": one.kind == CONVERTED,
            }
            for one in kinds
        ],
        "pictures": [
            {
                "label": one.label,
                "track": kinds.index(one),
                "width": f"{100 * len(one.waveform) / longest:.2f}",
                "picture": page.mel_picture(front_end(torch.from_numpy(one.waveform)).numpy(), folder),
            }
            for one in pictured
        ],
        "pitch": None if evaluations[0].record["sound"] == "music" else pitches(pictured, audio.sample_rate),
    }


def changed(evaluations: Sequence[Evaluation]) -> list[tuple[str, list[str]]]:
    """Settings that differ between the runs."""
    all_settings = [one.record.get("settings", {}) for one in evaluations]
    keys = sorted({key for one in all_settings for key in one if not key.startswith(NOT_COMPARED)})
    values = [(key, [str(one.get(key, "-")) for one in all_settings]) for key in keys]
    return [(key, found) for key, found in values if len(set(found)) > 1]


def card(one: Evaluation) -> str:
    path = one.folder / report.CARD
    return path.read_text(encoding="utf-8") if path.is_file() else "no card was kept"


def facts(one: Evaluation) -> list[tuple[str, str]]:
    """How it was measured."""
    record = one.record
    held_out = ", ".join(f"{count} of the {domain}" for domain, count in record["held_out"].items())
    found = [
        ("bundle", record["bundle"]),
        (
            "held-out recordings",
            held_out + ("; the same sentences" if record["parallel"] else "; not the same sentences"),
        ),
        ("from", ", ".join(record["places"].values())),
        (
            "converted with",
            f"overlap {record['overlap']}, inversion {record['inversion'].get('_target_', '').rpartition('.')[2]}",
        ),
        ("digital silence becomes", f"{record['silence_dbfs']} dBFS without the gate, silence with it"),
    ]
    speed = one.folder / report.SPEED
    if speed.is_file():
        times = json.loads(speed.read_text(encoding="utf-8"))["times_real_time"]
        found.append(("speed of converting", f"{times} times real time, inversion included"))
    if record["baselines"]:
        found.append((f"{' and '.join(record['baselines'])} from", f"statistics of the {record['baselines_from']}"))
    if "recogniser" in record:
        found.append(("words heard by", record["recogniser"] or "no recogniser: CER and WER were left out"))
    if "classifier_accuracy" in record:
        found.append(("classifier right on real held-out recordings", f"{record['classifier_accuracy']:.0%}"))
    return found
