"""The waveforms of a held-out pair: to measure, to listen to and to look at."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from melgan_vc.audio import io
from melgan_vc.audio.pictures import mel_figure, save_figure
from melgan_vc.data import corpus
from melgan_vc.evaluation.protocol import Pair
from melgan_vc.inference.offline import OfflineConverter


def waveforms(pair: Pair, offline: OfflineConverter, output: Path) -> dict[str, np.ndarray]:
    """The waveforms (N,) of a pair by kind, at the bundle's sample rate; leaves audio and a picture in ``output``.

    "target resynthesised" is the target through mel and back: the best that the representation allows.
    """
    rate = offline.audio.sample_rate
    given = {"source": io.read_mono(pair.source, rate), "target": io.read_mono(pair.target, rate)}
    with torch.no_grad():
        mels = {kind: offline.front_end(torch.from_numpy(waveform)) for kind, waveform in given.items()}
        mels["converted"] = offline.converter.convert(mels["source"], offline.tail)
        converted = offline.inverter(mels["converted"][None], samples=len(given["source"]))[0].numpy()
        ceiling = offline.inverter(mels["target"][None], samples=len(given["target"]))[0].numpy()
    heard = {"source": given["source"], "converted": converted, "target": given["target"]}
    for kind, waveform in heard.items():
        io.write(output / f"{pair.name}_{kind}.wav", waveform[None], rate)
    figure = mel_figure({kind: mels[kind].numpy() for kind in heard}, offline.audio, f"held-out sentence {pair.name}")
    save_figure(figure, output / f"{pair.name}.png")
    return {
        "source": given["source"],
        "converted": converted,
        "target resynthesised": ceiling,
        "target": given["target"],
    }


def first_minutes(folder: Path, minutes: float, sample_rate: int) -> Iterator[np.ndarray]:
    """Recordings (N,) of a folder, from the first on, until there are so many minutes."""
    left = minutes * 60 * sample_rate
    for path in corpus.find(folder):
        waveform = io.read_mono(path, sample_rate)
        yield waveform
        left -= len(waveform)
        if left <= 0:
            return
