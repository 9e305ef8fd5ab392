"""What an evaluation says of models whose fault is known, and of one that has none.

    python -m benchmarks.known_answers [source=DIR target=DIR] [training_source=DIR training_target=DIR] [recordings=8]

The folders hold voices, with recordings of the same sentences under the same names; by default they are the bundled
ones. In place of a model, recordings are converted by a function: one gives the source back, one always plays the same
sentence of the target, one gives white noise, and one plays the target's own recording of the sentence, 5 dB quieter.
Each is measured as ``melgan_vc.evaluate`` measures a model. Of the conversions that need no training and of "target
resynthesised", one line each stands for comparison. Every measure that the command has must be installed.
"""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from melgan_vc.bundle import Bundle, pack
from melgan_vc.cli import explained
from melgan_vc.data import corpus
from melgan_vc.evaluation import report, session
from melgan_vc.evaluation.columns import COLUMNS
from melgan_vc.evaluation.material import DOMAINS, Material, of_folder
from melgan_vc.evaluation.protocol import Summary, Waveforms
from melgan_vc.evaluation.protocols import for_voices
from melgan_vc.evaluation.quality import voice_verdict, with_quality
from melgan_vc.evaluation.selection import chosen
from melgan_vc.evaluation.tables import aligned
from melgan_vc.evaluation.waveforms import heard
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.measures.words import Recognise, best_installed
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.spec import AudioSpec, ChunkSpec

AUDIO, CHUNK = AudioSpec(16000, 192, 1152, 192), ChunkSpec(24)
MEASURES = ("quality", "to_target", "cer", "distillmos")
QUIETER, NOISE = 10 ** (-5 / 20), 0.1  # amplitudes
NO_MODEL = "for comparison: "

Answer = Callable[[np.ndarray], np.ndarray]  # a source's waveform (N,) to what stands for its conversion (K,)


class Answering(OfflineConverter):
    """A conversion by a function in place of a model.

    Args:
        bundle: whose front end and inversion the rows without a model take.
        answer: converts.
    """

    def __init__(self, bundle: Bundle, answer: Answer) -> None:
        super().__init__(Converter(bundle))
        self.answer = answer

    def convert(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return what stands for the conversion (1, K) of a waveform (1, N)."""
        return self.answer(waveform[0])[None].astype(np.float32)


def answers(source: Waveforms, target: Waveforms) -> dict[str, Answer]:
    """Return what stands for models, by what they do.

    Args:
        source, target: held-out recordings (N,) by name, those of one name of one sentence.
    """
    partners = {waveform.tobytes(): target[name] for name, waveform in source.items()}
    first = target[min(target)]
    noise = np.random.default_rng(0)
    return {
        "copies the source": lambda waveform: waveform,
        "plays one sentence of the target": lambda waveform: first,
        "gives noise": lambda waveform: NOISE * noise.standard_normal(len(waveform)),
        "plays the target's own recording, 5 dB quieter": lambda waveform: QUIETER * partners[waveform.tobytes()],
    }


def evaluated(
    bundle: Bundle, material: Material, answer: Answer, settings: Mapping[str, Any], recognise: Recognise | None
) -> tuple[list[Summary], list[str]]:
    """Return the figures of an evaluation, and the kinds of conversion that need no training.

    Args:
        bundle: see :class:`Answering`.
        material: held-out recordings, and some for the conversions that need no training.
        answer: stands for the model.
        settings: of ``conf/evaluate.yaml`` that measures of voices need.
        recognise: words; None: they are not compared.
    """
    offline = Answering(bundle, answer)
    waveforms = heard(material, offline.audio.sample_rate, settings["seconds"])
    builder = None if recognise is None else partial(lambda found: found, recognise)
    protocol, others = for_voices(settings, offline, material, waveforms, builder)
    with tempfile.TemporaryDirectory() as folder:
        session.run(waveforms, offline, others, protocol, Path(folder))
    return with_quality(protocol.summary()), list(others)


def line(name: str, summary: list[Summary], kind: str, verdict: str) -> list[str]:
    """Return a line of the table."""
    found = next(one for one in summary if one.kind == kind)
    return [name, *(report.cell(found, measure).partition(" ")[0] for measure in MEASURES), verdict]


def first_sentence(verdict: str) -> str:
    """Return the first sentence of a verdict, without its figures."""
    return verdict.partition(": quality")[0].partition(". ")[0]


def table(material: Material, settings: Mapping[str, Any], recognise: Recognise | None) -> list[list[str]]:
    """Return a line for each answer, and for each kind without a model.

    Args:
        material, settings, recognise: see :func:`evaluated`.
    """
    torch.manual_seed(0)
    sizes = {"n_mels": AUDIO.n_mels, "channels": 8}
    bundle = pack(UNetGenerator(**sizes), sizes, AUDIO, CHUNK, {})
    waveforms = heard(material, AUDIO.sample_rate, settings["seconds"])
    lines, summary, rivals = [], [], []
    for name, answer in answers(waveforms["source"], waveforms["target"]).items():
        summary, rivals = evaluated(bundle, material, answer, settings, recognise)
        lines.append(line(name, summary, "converted", first_sentence(voice_verdict(summary, rivals))))
    lines += [line(f"{NO_MODEL}{kind}", summary, kind, "") for kind in (*rivals, session.RESYNTHESISED)]
    return lines


def main() -> None:
    settings = {
        "source": "bundled:voices/heldout/source",
        "target": "bundled:voices/heldout/target",
        "training_source": "bundled:voices/source",
        "training_target": "bundled:voices/target",
        "recordings": 8,
    }
    given = OmegaConf.merge(settings, OmegaConf.from_cli())
    rate = AUDIO.sample_rate
    held_out, training = (
        {domain: of_folder(corpus.locate(given[prefix + domain]), rate) for domain in DOMAINS}
        for prefix in ("", "training_")
    )
    material = chosen(Material(held_out, training, {}, parallel=True), given.recordings)
    measured = {"naturalness": ["distillmos"], "pitch": "swift_f0", "mcd": {}, "seconds": 20.0, "minutes": 3.0}
    lines = table(material, measured, best_installed())
    print(aligned(("what the model does", *(COLUMNS[name].heading for name in MEASURES), "verdict"), lines))


if __name__ == "__main__":
    with explained():
        main()
