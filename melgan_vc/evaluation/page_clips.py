"""The recordings on the page of evaluations: what can be heard and seen of each."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.evaluation import page
from melgan_vc.evaluation.charts import pitches
from melgan_vc.evaluation.columns import COLUMNS, MEANS
from melgan_vc.evaluation.kept import Evaluation
from melgan_vc.evaluation.speakers import TRAINED, Speaker
from melgan_vc.evaluation.tracks import pictured, tracks
from melgan_vc.spec import AudioSpec

SHOWN = 12  # recordings of the trained source: the worst and the best ones
SHOWN_UNSEEN = 4  # of each speaker that was not trained on


def clips(
    evaluations: Sequence[Evaluation], audio: AudioSpec, ranking: str | None, speaker: Speaker = TRAINED
) -> list[dict[str, Any]]:
    """Return the recordings on the page, the worst first; those that nothing can be shown of are skipped.

    Args:
        evaluations: that have them.
        audio: front end of the pictures.
        ranking: measure that says which is the worst; None: as they come.
        speaker: that they are of.
    """
    first = evaluations[0]
    sign = -1 if ranking and COLUMNS[ranking].better == "min" else 1
    most = SHOWN if speaker == TRAINED else SHOWN_UNSEEN

    def score(name: str) -> float:
        value = first.value(name, speaker.converted, ranking) if ranking else math.nan
        return -math.inf if math.isnan(value) else sign * value

    ranked = sorted(dict.fromkeys(first.names(speaker.source)), key=score)
    if len(ranked) > most:
        ranked = [*ranked[: most // 2], *ranked[-(most - most // 2) :]]
    shown = (clip(evaluations, audio, name, place, speaker) for place, name in enumerate(ranked))
    return [one for one in shown if one is not None]


def clip(
    evaluations: Sequence[Evaluation], audio: AudioSpec, name: str, place: int, speaker: Speaker
) -> dict[str, Any] | None:
    """A recording of the source and all that was made of it; None where no sound of it is left."""
    kinds = list(tracks(evaluations, name, place, speaker))
    if not kinds:
        return None
    longest = max(len(one.waveform) for one in kinds)
    front_end = MelTransform(audio)
    seen = [one for one in kinds if one.kind in pictured(speaker)]
    measured = {measure: evaluations[0].value(name, speaker.converted, measure) for measure in MEANS}
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
                "start": one.kind == speaker.converted,
            }
            for one in kinds
        ],
        "pictures": [
            {
                "label": one.label,
                "track": kinds.index(one),
                "width": f"{100 * len(one.waveform) / longest:.2f}",
                "picture": page.mel_picture(front_end(torch.from_numpy(one.waveform)).numpy()),
            }
            for one in seen
        ],
        "pitch": pitches(seen, audio.sample_rate) if evaluations[0].record["sound"] == "voice" else None,
    }
