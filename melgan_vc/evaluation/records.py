"""The record that an evaluation leaves, metrics.json: read and checked, for it may come from a stranger."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgan_vc.config.targets import TARGET, check_targets
from melgan_vc.errors import UserError
from melgan_vc.evaluation import documents
from melgan_vc.evaluation.columns import MEANS, WHOLE
from melgan_vc.evaluation.material import SPLITS
from melgan_vc.evaluation.speakers import TRAINED
from melgan_vc.spec import AudioSpec, spec_of
from melgan_vc.text import SHOWN

KINDS = (*TRAINED.kinds, "target")  # that every evaluation has
MOST_KINDS, MOST_LINES = 30, 1000
LARGEST_RATE, LARGEST_FFT, LARGEST_MELS = 768_000, 65_536, 4096  # of a front end that pictures are made with
Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1e9


def maybe(check: Check) -> Check:
    """Return a check that lets None through as well."""
    return lambda value: value is None or check(value)


def each(check: Check) -> Check:
    """Return a check of all values of a mapping."""
    return lambda value: isinstance(value, Mapping) and all(map(check, value.values()))


def listed(check: Check) -> Check:
    """Return a check of all values of a list."""
    return lambda value: isinstance(value, list) and len(value) <= MOST_LINES and all(map(check, value))


def is_data_report(value: Any) -> bool:
    rows, advice = (value.get(name) for name in ("rows", "advice")) if isinstance(value, Mapping) else (None, None)
    return listed(lambda row: listed(is_text)(row) and 0 < len(row) < 10)(rows) and listed(is_text)(advice)


def is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def is_unseen(value: Any) -> bool:
    """Tell whether a value says what an evaluation had of a speaker that was not trained on."""
    needed: Mapping[str, Check] = {
        "place": is_text,
        "held_out": is_count,
        "content": is_text,
        "paired": lambda paired: isinstance(paired, bool),
    }
    return isinstance(value, Mapping) and all(name in value and check(value[name]) for name, check in needed.items())


NEEDED: Mapping[str, Check] = {
    "bundle": is_text,
    "sound": lambda value: value in ("voice", "music"),
    "parallel": lambda value: isinstance(value, bool),
    "held_out": each(is_count),
    "places": each(is_text),
    "audio": is_mapping,
    "overlap": is_number,
    "inversion": is_mapping,
    "silence_dbfs": maybe(is_number),
    "baselines": listed(is_text),
    "settings": is_mapping,
    "summary": listed(is_mapping),
}
OPTIONAL: Mapping[str, Check] = {
    "split": lambda value: value in (None, *SPLITS),
    "baselines_from": is_text,
    "recogniser": maybe(is_text),
    "transcripts": each(is_count),
    "mcd": is_mapping,
    "pitch": is_text,
    "classifier_accuracy": maybe(is_number),
    "data_report": maybe(is_data_report),
    "content": each(is_text),
    "unseen": each(is_unseen),
    "version": is_count,
}


def read_record(path: Path, trust: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the record in a file.

    Args:
        path: of the JSON file.
        trust: packages whose classes its settings may name; None does not ask, for nothing of it is called here.

    Raises:
        UserError: it is damaged, or not what an evaluation writes.
    """
    record = documents.read_json(path)
    for name, check in NEEDED.items():
        if name not in record:
            raise UserError(f"{path.name}: has no {name}")
        refuse_unless(check(record[name]), name, record[name], path)
    for name, check in OPTIONAL.items():
        refuse_unless(name not in record or check(record[name]), name, record.get(name), path)
    if trust is not None:
        named = {key: value for key, value in record["settings"].items() if key.endswith(TARGET)}
        nested = {key.removesuffix(f".{TARGET}"): {TARGET: value} for key, value in named.items()}
        check_targets(nested, trust, f"{path.name}: settings.")
    check_audio(record["audio"], path)
    kinds = [check_line(line, path) for line in record["summary"]]
    if not set(KINDS) <= set(kinds) or len(set(kinds)) < len(kinds) or len(kinds) > MOST_KINDS:
        raise UserError(
            f"{path.name}: summary must have {', '.join(KINDS)} once each, not {documents.shortened(kinds)}"
        )
    unknown = [kind for kind in record["baselines"] if kind not in kinds]
    refuse_unless(not unknown, "baselines", unknown, path)
    return record


def refuse_unless(right: bool, name: str, value: Any, path: Path) -> None:
    """Refuse a wrong value in a record."""
    if not right:
        raise UserError(f"{path.name}: {name} is {documents.shortened(repr(value)[:1000])}")


def check_audio(audio: Mapping[str, Any], path: Path) -> None:
    """Refuse a front end that does not exist, or would take gigabytes."""
    try:
        spec = spec_of(AudioSpec, audio)
        right = (
            spec.sample_rate <= LARGEST_RATE
            and spec.n_fft <= LARGEST_FFT
            and spec.n_mels <= LARGEST_MELS
            and is_number(spec.reference_db)
            and abs(spec.reference_db) < 1e4
            and 0 < spec.range_db < 1e4
            and (spec.top_db is None or is_number(spec.top_db))
        )
    except (UserError, TypeError, ValueError) as error:
        raise UserError(f"{path.name}: {error}; evaluate again") from error
    refuse_unless(right, "audio", audio, path)


def check_line(line: Mapping[str, Any], path: Path) -> str:
    """Refuse a damaged line of a summary; returns its kind."""
    kind, means, values = (line.get(name) for name in ("kind", "means", "whole"))
    refuse_unless(isinstance(kind, str) and 0 < len(kind) <= SHOWN, "kind", kind, path)
    refuse_unless(each(maybe(is_number))(values), f"whole of {kind}", values, path)
    refuse_unless(each(is_mean)(means), f"means of {kind}", means, path)
    known = {*MEANS, *WHOLE}
    refuse_unless(not known.isdisjoint({*(means or ()), *(values or ())}), f"summary of {kind}", line, path)
    return str(kind)


def is_mean(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and {"value", "low", "high", "count"} <= value.keys()
        and all(maybe(is_number)(value[name]) for name in ("value", "low", "high"))
        and is_count(value["count"])
    )
