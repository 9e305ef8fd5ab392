"""Seams, speed, silence and noise of whole conversions.

    python -m benchmarks.conversion bundle=RUN audio=FOLDER output=FILE.json [minutes=10] [rate=44100]

Seams: how much mel and waveform change where chunks meet, against all other places; 1 is no seam. ``every`` counts the
places of side-by-side chunks, ``starts`` the starts of overlapping ones. The source's own figures, without chunks,
stand first. Speed: seconds of sound a second, of the folder's recordings one after the other until there are so many
minutes, with a generator of the paper's sizes; two threads compute, one each. Silence and noise: root mean square in
dBFS of a second of digital silence, and the loudest and the median tenth of a second of what white noise at -30 dBFS
becomes.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from omegaconf import OmegaConf

from melgan_vc import bundle
from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.audio.io import read_mono
from melgan_vc.audio.mel import MelTransform
from melgan_vc.cli import explained
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.offline import OfflineConverter
from melgan_vc.measures.mels import seam_ratio
from melgan_vc.memory import keep_freed_memory
from melgan_vc.networks.generator import UNetGenerator

OVERLAPS = (0.0, 0.25, 0.5, 0.75)
PAPER_CHANNELS = 256


def waveform_seams(waveform: np.ndarray, period: int, reach: int) -> float:
    """Second differences of a waveform (N,) within ``reach`` samples of each period's start, against all others."""
    bends = np.abs(np.diff(waveform, 2))
    place = (np.arange(len(bends)) + 1) % period
    near = np.minimum(place, period - place) <= reach
    return float(bends[near].mean() / bends[~near].mean())


def seams(model: bundle.Bundle, recordings: list[np.ndarray]) -> dict[str, dict[str, float]]:
    """Ratios by overlap, means over recordings; first those of the source itself, resynthesised."""
    front_end, inverter = MelTransform(model.audio), GriffinLim(model.audio)
    found = {}
    for overlap in (None, *OVERLAPS):
        converter = Converter(model, overlap=overlap or 0)
        rows = []
        for waveform in recordings:
            source = front_end(torch.from_numpy(waveform))
            mel = source if overlap is None else converter.convert(source)
            sound = inverter(mel[None], samples=len(waveform))[0].numpy()
            period, hop = model.chunk.width, model.audio.hop_length
            rows.append(
                {
                    "mel every": seam_ratio(mel, period),
                    "mel starts": seam_ratio(mel, converter.chunked.hop),
                    "waveform every": waveform_seams(sound, period * hop, hop // 2),
                }
            )
        found["source" if overlap is None else f"{overlap:g}"] = {
            key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]
        }
    return found


def speed(model: bundle.Bundle, recordings: list[np.ndarray], minutes: float, rate: int) -> dict[str, float]:
    """Seconds of sound a second, of a file converted to a file."""
    torch.manual_seed(0)
    sizes = {"n_mels": model.audio.n_mels, "channels": PAPER_CHANNELS}
    paper = bundle.pack(UNetGenerator(**sizes), sizes, model.audio, model.chunk, {})
    offline = OfflineConverter(Converter(paper))
    once = np.concatenate(recordings)
    wanted = round(minutes * 60 * model.audio.sample_rate)
    sound = soxr.resample(np.resize(once, wanted), model.audio.sample_rate, rate)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.wav"
        soundfile.write(source, sound[: 10 * rate], rate)
        offline.convert_file(source, Path(folder) / "out.wav")  # loads and plans
        soundfile.write(source, sound, rate)
        start = time.perf_counter()
        offline.convert_file(source, Path(folder) / "out.wav")
        spent = time.perf_counter() - start
    return {"minutes": minutes, "rate": rate, "times real time": minutes * 60 / spent}


def levels(waveform: np.ndarray, rate: int) -> np.ndarray:
    """Root mean square in dBFS of each tenth of a second."""
    parts = waveform[: len(waveform) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    return 10 * np.log10(np.square(parts).mean(axis=1) + 1e-12)


def silence_and_noise(model: bundle.Bundle) -> dict[str, float]:
    rate = model.audio.sample_rate
    offline = OfflineConverter(Converter(model))
    noise = 10 ** (-30 / 20) * np.random.default_rng(0).standard_normal((1, 10 * rate)).astype(np.float32)
    silent = levels(offline.convert(np.zeros((1, rate), np.float32), rate)[0], rate)
    out = levels(offline.convert(noise, rate)[0], rate)
    return {"silence": float(silent.max()), "noise loudest": float(out.max()), "noise median": float(np.median(out))}


def main() -> None:
    settings = {"bundle": "???", "audio": "???", "output": "???", "minutes": 10.0, "rate": 44100}
    given = OmegaConf.merge(settings, OmegaConf.from_cli())
    missing = OmegaConf.missing_keys(given)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))} not given; say bundle=RUN audio=FOLDER output=FILE.json")
    keep_freed_memory()
    torch.set_num_threads(1)
    model = bundle.load(corpus.locate(given.bundle))
    recordings = [read_mono(path, model.audio.sample_rate) for path in corpus.find(corpus.locate(given.audio))]
    with torch.no_grad():
        results = {
            "seams": seams(model, recordings),
            "speed": speed(model, recordings, given.minutes, given.rate),
            "levels": silence_and_noise(model),
        }
    with replacing(Path(given.output).expanduser()) as temporary:
        temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")
    names = list(results["seams"]["0"])
    print(
        aligned(
            ("overlap", *names), [[key, *(f"{one[n]:.2f}" for n in names)] for key, one in results["seams"].items()]
        )
    )
    print({key: round(value, 1) for key, value in {**results["speed"], **results["levels"]}.items()})


if __name__ == "__main__":
    with explained():
        main()
