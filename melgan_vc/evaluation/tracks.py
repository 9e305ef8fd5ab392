"""The waveforms of one recording in evaluations side by side, to hear and to see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np

from melgan_vc.evaluation import page
from melgan_vc.evaluation.kept import Evaluation
from melgan_vc.evaluation.speakers import SOURCE, TARGET, TRAINED, Speaker, unseen_among

MODEL_COLOURS = ("#10b981", "#a855f7", "#ef4444", "#06b6d4", "#84cc16", "#ec4899")
OTHER_COLOUR = "#808890"


@dataclass(frozen=True, eq=False)
class Track:
    """A waveform (N,) to hear."""

    kind: str
    label: str
    colour: str
    waveform: np.ndarray


def pictured(speaker: Speaker) -> tuple[str, ...]:
    """Return the kinds of a speaker's recordings that are worth a picture."""
    return (*speaker.kinds, TARGET)


def kinds_of(evaluation: Evaluation, speaker: Speaker) -> list[str]:
    """Return the kinds of rows that belong to a source speaker, those of the target among them."""
    kinds = [line.kind for line in evaluation.summary]
    others = {kind for one in unseen_among(kinds) for kind in one.kinds}
    if speaker == TRAINED:
        return [kind for kind in kinds if kind not in others]
    return [kind for kind in kinds if kind in speaker.kinds or kind.startswith(TARGET)]


def tracks(evaluations: Sequence[Evaluation], name: str, place: int, speaker: Speaker = TRAINED) -> Iterator[Track]:
    """Yield all kinds of a recording; where it has no partner, some recording of the target stands beside it.

    Args:
        evaluations: side by side; what no model changes is of the first one.
        name: of the recording.
        place: that it has among the speaker's, which chooses the target's recording.
        speaker: that it is of.
    """
    first = evaluations[0]
    targets = first.names(TARGET)
    other = name if is_paired(first, speaker) else targets[place % len(targets)]
    palette = dict(zip((one.name for one in evaluations), colours(len(evaluations)), strict=True))
    for kind in kinds_of(first, speaker):
        owner = other if kind.startswith(TARGET) else name
        label = kind if owner == name else f"{kind} ({owner})"
        model = kind == speaker.converted
        for one in evaluations if model else [first]:
            waveform = one.waveform(owner, kind)
            if waveform is not None:
                colour = palette[one.name] if model else page.COLOURS.get(kind_of_all(kind, speaker), OTHER_COLOUR)
                yield Track(kind, kind_name(evaluations, one, kind) if model else label, colour, waveform)


def is_paired(evaluation: Evaluation, speaker: Speaker) -> bool:
    """Tell whether a speaker's recordings are of the sentences of the target's that have their names."""
    if speaker == TRAINED:
        return bool(evaluation.record["parallel"])
    return bool(evaluation.record.get("unseen", {}).get(speaker.name, {}).get("paired"))


def kind_of_all(kind: str, speaker: Speaker) -> str:
    """Return what the kind of a speaker's recordings is called for every speaker."""
    return SOURCE if kind == speaker.source else kind


def kind_name(evaluations: Sequence[Evaluation], one: Evaluation, kind: str = TRAINED.converted) -> str:
    """Return what conversions of an evaluation are called beside those of others."""
    return f"{kind}: {one.name}" if len(evaluations) > 1 else kind


def colours(count: int) -> list[str]:
    """Return a colour for each model."""
    more = matplotlib.colormaps["hsv"](np.linspace(0, 0.9, max(0, count - len(MODEL_COLOURS))))
    return [*MODEL_COLOURS[:count], *(matplotlib.colors.to_hex(one) for one in more)]
