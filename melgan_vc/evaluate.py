"""python -m melgan_vc.evaluate: convert held-out recordings and measure them."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from melgan_vc.bundle_header import read_header
from melgan_vc.cli import command
from melgan_vc.data import corpus


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
    protocol = SpeakerProtocol(held_out, speaker_embedder(), offline.audio.sample_rate)
    output.mkdir(parents=True, exist_ok=True)
    for pair in tqdm(held_out, desc="evaluating", unit="sentence"):
        found = waveforms(pair, offline, output)
        reference = analysed(found["target"], offline.audio.sample_rate)
        for kind, waveform in found.items():
            protocol.add(pair.name, kind, waveform, reference)
    summary = protocol.summary()
    about = {"bundle": str(cfg.bundle), "provenance": dict(converter.bundle.provenance), "recordings": len(held_out)}
    report.write(output, protocol.rows, summary, about)
    print(f"\n{len(held_out)} held-out sentences, means with 95 % intervals:\n\n{report.table(summary)}\n")
    print(f"Listen: {output}/*_converted.wav (beside *_source.wav and *_target.wav); look: {output}/*.png")


if __name__ == "__main__":
    main()
