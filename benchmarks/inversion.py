"""How good and how fast each inversion is: speech through mel and back, one thread.

    python -m benchmarks.inversion audio=FOLDER output=FILE.json [methods=[griffin_lim,lbfgs]] [curve=true]

Any recordings of speech, resampled to 16 kHz. Writes ``{method: {pesq, stoi, log_mel_db, convergence_db, rtf}}``, means
over the recordings: PESQ-WB and STOI against the recording, mean absolute difference of the normalised mels in dB,
distance of the mel amplitudes relative to their own size in dB, and computing time over duration. ``curve=true`` adds
each method with fewer and with more iterations. PESQ and STOI need ``pip install pesq pystoi``, and are null without.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

from melgan_vc.audio.io import read_mono
from melgan_vc.audio.mel import MelTransform
from melgan_vc.cli import CONF, explained
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.evaluation.tables import aligned
from melgan_vc.files import replacing

METHODS = ("griffin_lim", "lbfgs", "gradient")
CURVE = {"griffin_lim": ("iterations", (1, 4, 8, 32, 64)), "lbfgs": ("steps", (25, 50, 100, 300, 600)),
         "gradient": ("steps", (250, 500, 1000))}  # fmt: skip
MEASURES = ("pesq", "stoi", "log_mel_db", "convergence_db", "rtf")
SHORTEST = 0.5  # seconds; PESQ and STOI cannot judge less


def judged(original: np.ndarray, found: np.ndarray, front_end: MelTransform) -> dict[str, float]:
    """Measures of one waveform (N,) against the original."""
    rate = front_end.spec.sample_rate
    powers = [front_end.power(torch.from_numpy(one)) for one in (original, found)]
    mels = [front_end.normalise(power) for power in powers]
    amplitude, other = (power.sqrt() for power in powers)
    measures = {
        "log_mel_db": float((mels[1] - mels[0]).abs().mean()) / 2 * front_end.spec.range_db,
        "convergence_db": 20 * float(torch.log10((other - amplitude).norm() / amplitude.norm())),
    }
    try:
        import pesq
        import pystoi
    except ImportError:
        return measures
    with suppress(pesq.NoUtterancesError):
        measures["pesq"] = pesq.pesq(rate, original, found, "wb")
    return measures | {"stoi": float(pystoi.stoi(original, found, rate))}


def run(method: Any, recordings: list[np.ndarray], front_end: MelTransform, name: str) -> dict[str, float | None]:
    """Means over all recordings."""
    method(torch.zeros(1, front_end.spec.n_mels, 8))  # compiles and plans
    rows, spent = [], 0.0
    for waveform in tqdm(recordings, desc=name, unit="recording"):
        mel = front_end(torch.from_numpy(waveform))[None]
        start = time.perf_counter()
        found = method(mel, samples=len(waveform))[0].numpy()
        spent += time.perf_counter() - start
        rows.append(judged(waveform, found, front_end))
    means = {key: [row[key] for row in rows if key in row] for key in MEASURES}
    seconds = sum(map(len, recordings)) / front_end.spec.sample_rate
    return {key: float(np.mean(values)) if values else None for key, values in means.items()} | {"rtf": spent / seconds}


def chosen(wanted: list[str], curve: bool) -> dict[str, Any]:
    """Configs of methods by name."""
    found = {}
    for name in wanted:
        path = CONF / "inversion" / f"{name}.yaml"
        if not path.is_file():
            raise UserError(f"methods holds {name!r}: give some of {', '.join(METHODS)}")
        config = OmegaConf.load(path)
        key, values = CURVE.get(name, ("", ()))
        for value in values if curve else ():
            found[f"{name} {key}={value}"] = OmegaConf.merge(config, {key: value})
        found[name] = config
    return found


def main() -> None:
    settings = {"audio": "???", "output": "???", "methods": list(METHODS), "curve": False}
    given = OmegaConf.merge(settings, OmegaConf.from_cli())
    missing = OmegaConf.missing_keys(given)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))} not given; say audio=FOLDER output=FILE.json")
    torch.set_num_threads(1)
    front_end = MelTransform(instantiate(OmegaConf.load(CONF / "audio" / "notebook_16k.yaml")))
    rate = front_end.spec.sample_rate
    waveforms = [read_mono(path, rate) for path in corpus.find(corpus.locate(given.audio))]
    recordings = [one for one in waveforms if len(one) >= SHORTEST * rate]
    if not recordings:
        raise UserError(f"{given.audio}: no recording is {SHORTEST} s long")
    results = {
        name: run(instantiate(config, spec=front_end.spec), recordings, front_end, name)
        for name, config in chosen(list(given.methods), bool(given.curve)).items()
    }
    with replacing(Path(given.output).expanduser()) as temporary:
        temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")
    rows = [
        [name, *("-" if one[key] is None else f"{one[key]:.4g}" for key in MEASURES)] for name, one in results.items()
    ]
    print(f"{len(recordings)} recordings, {sum(map(len, recordings)) / rate:.0f} s\n\n{aligned(('', *MEASURES), rows)}")


if __name__ == "__main__":
    with explained():
        main()
