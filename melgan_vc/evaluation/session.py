"""An evaluation from recordings to figures: convert, write what can be heard, measure."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from melgan_vc.audio import io
from melgan_vc.audio.chunks import SILENCE
from melgan_vc.errors import UserError
from melgan_vc.evaluation.material import DOMAINS, Material
from melgan_vc.evaluation.protocol import Protocol, Waveforms
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.measures.words import SILENT

log = logging.getLogger(__name__)
Convert = Callable[[np.ndarray], np.ndarray]  # waveforms (N,)
SILENT_CHUNKS = 8
RESYNTHESISED, SOURCE_RESYNTHESISED = "target resynthesised", "source resynthesised"


@dataclass(frozen=True)
class Speed:
    """Of converting, in seconds; no two runs have the same."""

    converting: float
    sound: float

    @property
    def times_real_time(self) -> float:
        return self.sound / self.converting


def heard(material: Material, sample_rate: int, seconds: float) -> dict[str, dict[str, np.ndarray]]:
    """The held-out waveforms (N,) by domain and name, so many seconds of each at most; silent ones are left out.

    Raises:
        UserError: nothing is left of a domain.
    """
    longest = round(seconds * sample_rate)
    found = {domain: {clip.name: clip.read()[:longest] for clip in material.held_out[domain]} for domain in DOMAINS}
    for domain in DOMAINS:
        silent = [name for name, one in found[domain].items() if np.abs(one).max(initial=0.0) < SILENT]
        if silent:
            log.warning("warning: silent recordings of the %s are not measured: %s", domain, ", ".join(silent))
        for name in silent:
            for other in DOMAINS if material.parallel else (domain,):
                found[other].pop(name, None)
    for domain in DOMAINS:
        if not found[domain]:
            raise UserError(
                f"{material.places[domain]}: all held-out recordings of the {domain} are silent; give others"
            )
    return found


def resynthesis(offline: OfflineConverter) -> Convert:
    """Through mel and back: the best that the representation allows."""

    @torch.no_grad()
    def convert(waveform: np.ndarray) -> np.ndarray:
        mel = offline.front_end(torch.from_numpy(waveform))
        return offline.inverter(mel[None], samples=len(waveform))[0].cpu().numpy()

    return convert


def through_mels(offline: OfflineConverter, change: Convert) -> Convert:
    """A change of mels (M, T) as one of waveforms."""

    @torch.no_grad()
    def convert(waveform: np.ndarray) -> np.ndarray:
        mel = torch.from_numpy(change(offline.front_end(torch.from_numpy(waveform)).numpy()))
        return offline.inverter(mel[None], samples=len(waveform))[0].cpu().numpy()

    return convert


def run(
    waveforms: Mapping[str, Waveforms],
    offline: OfflineConverter,
    others: Mapping[str, Convert],
    protocol: Protocol,
    output: Path,
) -> Speed:
    """Convert and measure all recordings; leaves a WAV file of each kind of each.

    Args:
        waveforms: by domain and name.
        offline: the model's conversion, as ``melgan_vc.convert`` does it.
        others: of the source, to compare with.
        protocol: that measures.
        output: folder.
    """
    rate = offline.audio.sample_rate
    model = Timed(lambda waveform: offline.convert(waveform[None], rate)[0])
    kinds: dict[str, dict[str, Convert]] = {
        "source": {"source": unchanged, "converted": model, **others},
        "target": {RESYNTHESISED: resynthesis(offline), "target": unchanged},
    }
    names = [(domain, name) for domain in DOMAINS for name in waveforms[domain]]
    for domain, name in tqdm(names, desc="evaluating", unit="recording"):
        for kind, convert in kinds[domain].items():
            found = convert(waveforms[domain][name])
            io.write(output / file_of(name, kind), found[None], rate)
            protocol.add(name, kind, found)
    return Speed(model.spent, sum(map(len, waveforms["source"].values())) / rate)


def unchanged(waveform: np.ndarray) -> np.ndarray:
    return waveform


class Timed:
    """A conversion, and how many seconds it took in all."""

    def __init__(self, convert: Convert) -> None:
        self.convert = convert
        self.spent = 0.0

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        begun = time.perf_counter()
        found = self.convert(waveform)
        self.spent += time.perf_counter() - begun
        return found


def file_of(name: str, kind: str) -> str:
    """Where the waveform of a kind of a recording is, in the folder of an evaluation."""
    return f"{name}_{re.sub(r'[^a-z0-9]+', '-', kind.lower())}.wav"


@torch.no_grad()
def silence_level(offline: OfflineConverter) -> float:
    """Loudness in dBFS (root mean square) of converted digital silence, without the gate that ``convert`` has."""
    silence = torch.full((offline.audio.n_mels, SILENT_CHUNKS * offline.converter.bundle.chunk.width), SILENCE)
    sound = offline.inverter(offline.converter.convert(silence)[None])
    return float(10 * torch.log10(sound.square().mean().clamp(min=1e-20)))
