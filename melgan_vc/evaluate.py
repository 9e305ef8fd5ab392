"""python -m melgan_vc.evaluate: convert held-out recordings and measure them."""

from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from melgan_vc.audio import io
from melgan_vc.audio.pictures import mel_figure
from melgan_vc.cli import command
from melgan_vc.data import corpus
from melgan_vc.evaluation import report
from melgan_vc.evaluation.metrics import speaker_embedder
from melgan_vc.evaluation.protocol import Pair, SpeakerProtocol, pairs
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.offline import OfflineConverter


@command("evaluate")
def main(cfg: DictConfig) -> None:
    output = Path(cfg.output).expanduser()
    held_out = pairs(corpus.locate(cfg.source), corpus.locate(cfg.target))
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device)
    rate = converter.bundle.audio.sample_rate
    offline = OfflineConverter(converter, instantiate(cfg.inversion, spec=converter.bundle.audio))
    protocol = SpeakerProtocol(held_out, speaker_embedder(), rate)
    output.mkdir(parents=True, exist_ok=True)
    for pair in tqdm(held_out, desc="evaluating", unit="sentence"):
        for kind, waveform in measured(pair, offline, rate, output).items():
            protocol.add(pair.name, kind, waveform)
    summary = protocol.summary()
    about = {"bundle": str(cfg.bundle), "provenance": dict(converter.bundle.provenance), "recordings": len(held_out)}
    report.write(output, protocol.rows, summary, about)
    print(f"\n{len(held_out)} held-out sentences, means:\n\n{report.table(summary)}\n")
    print(f"Listen: {output}/*_converted.wav (beside *_source.wav and *_target.wav); look: {output}/*.png")


def measured(pair: Pair, offline: OfflineConverter, rate: int, output: Path) -> dict[str, np.ndarray]:
    """The waveforms (N,) of a pair to measure by kind; leaves audio and a picture of them.

    "target resynthesised" is the target through mel and back: the best that the representation allows.
    """
    source, target = io.read_mono(pair.source, rate), io.read_mono(pair.target, rate)
    given = {"source": source, "target": target}
    with torch.no_grad():
        mels = {kind: offline.front_end(torch.from_numpy(waveform)) for kind, waveform in given.items()}
        mels["converted"] = offline.converter.convert(mels["source"])
        converted = offline.inverter(mels["converted"][None], samples=len(source))[0].numpy()
        ceiling = offline.inverter(mels["target"][None], samples=len(target))[0].numpy()
    for kind, waveform in (("source", source), ("converted", converted), ("target", target)):
        io.write(output / f"{pair.name}_{kind}.wav", waveform[None], rate)
    shown = {kind: mels[kind].numpy() for kind in ("source", "converted", "target")}
    mel_figure(shown, offline.audio, f"held-out sentence {pair.name}").savefig(output / f"{pair.name}.png", dpi=90)
    return {"source": source, "converted": converted, "target resynthesised": ceiling, "target": target}


if __name__ == "__main__":
    main()
