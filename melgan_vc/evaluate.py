"""python -m melgan_vc.evaluate: convert held-out recordings and measure them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from melgan_vc.bundle_header import read_header
from melgan_vc.cli import command
from melgan_vc.data import corpus
from melgan_vc.errors import UserError

if TYPE_CHECKING:
    import numpy as np


@command("evaluate")
def main(cfg: DictConfig) -> None:
    read_header(corpus.locate(cfg.bundle))  # before what takes memory and time
    from melgan_vc.evaluation import report
    from melgan_vc.evaluation.protocol import SpeakerProtocol, pairs
    from melgan_vc.evaluation.recordings import waveforms
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.offline import OfflineConverter
    from melgan_vc.measures.cepstra import analysed
    from melgan_vc.measures.voice import speaker_embedder

    output = Path(cfg.output).expanduser()
    held_out = pairs(corpus.locate(cfg.source), corpus.locate(cfg.target))
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device, cfg.overlap)
    offline = OfflineConverter(converter, instantiate(cfg.inversion, spec=converter.bundle.audio))
    protocol = SpeakerProtocol(held_out, speaker_embedder(), offline.audio.sample_rate, **cfg.mcd)
    baselines = prepared_baselines(cfg, offline.audio.sample_rate)
    output.mkdir(parents=True, exist_ok=True)
    for pair in tqdm(held_out, desc="evaluating", unit="sentence"):
        found = waveforms(pair, offline, output)
        found |= {kind: convert(found["source"]) for kind, convert in baselines.items()}
        reference = analysed(found["target"], offline.audio.sample_rate)
        for kind, waveform in found.items():
            protocol.add(pair.name, kind, waveform, reference)
    summary = protocol.summary()
    about = {
        "bundle": str(cfg.bundle),
        "provenance": dict(converter.bundle.provenance),
        "recordings": len(held_out),
        "mcd": dict(cfg.mcd),
    }
    report.write(output, protocol.rows, summary, about)
    print(f"\n{len(held_out)} held-out sentences, means with 95 % intervals:\n\n{report.table(summary)}\n")
    if baselines:
        print(f"{report.verdict(summary, baselines)}\n")
    print(f"Listen: {output}/*_converted.wav (beside *_source.wav and *_target.wav); look: {output}/*.png")


def prepared_baselines(cfg: DictConfig, sample_rate: int) -> "dict[str, Callable[[np.ndarray], np.ndarray]]":
    """Conversions of waveforms (N,) by name that need no training; none where no recordings are given for them."""
    folders = {"source": cfg.training_source, "target": cfg.training_target}
    if not any(folders.values()):
        return {}
    if not all(folders.values()):
        raise UserError("give training_source and training_target both, or neither")
    from melgan_vc.evaluation.baselines import BASELINES, statistics
    from melgan_vc.evaluation.recordings import first_minutes

    source, target = (
        statistics(first_minutes(corpus.locate(one), cfg.baseline_minutes, sample_rate), sample_rate)
        for one in folders.values()
    )
    return {name: partial(baseline, sample_rate, source, target) for name, baseline in BASELINES.items()}


if __name__ == "__main__":
    main()
