"""Print the figures that melgan_vc/bundled/README.md quotes.

A maintainer's tool. It needs `pip install numpy soundfile librosa pyworld resemblyzer` and is run,
from the top of the repository, as: python tools/measure_bundled_audio.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import librosa
import numpy as np
import pyworld
import soundfile
from resemblyzer import VoiceEncoder

BUNDLED = Path(__file__).resolve().parent.parent / "melgan_vc" / "bundled"
FOLDERS = ("source", "target", "heldout/source", "heldout/target")

Clip = tuple[np.ndarray, int]


def read(folder: Path) -> list[Clip]:
    """Return (samples, rate in Hz) of every Ogg file in the folder, in name order."""
    return [soundfile.read(path) for path in sorted(folder.glob("*.ogg"))]


def describe(folder: Path, clips: list[Clip]) -> str:
    """Say how many files, minutes and bytes a folder holds, and its levels in dBFS."""
    seconds = [len(x) / rate for x, rate in clips]
    size = sum(path.stat().st_size for path in folder.glob("*.ogg"))
    rms = [10 * np.log10(np.square(x).mean()) for x, _ in clips]
    peak = 20 * np.log10(max(np.abs(x).max() for x, _ in clips))
    return (
        f"{len(clips):4d} files {sum(seconds) / 60:6.2f} min "
        f"({min(seconds):.2f}-{max(seconds):.2f} s) {size:8d} bytes "
        f"{8e-3 * size / sum(seconds):5.1f} kbit/s, rate {sorted({r for _, r in clips})} Hz, "
        f"RMS {min(rms):.2f} to {max(rms):.2f}, peak {peak:.2f} dBFS"
    )


def pitch(clips: list[Clip]) -> tuple[float, float, float]:
    """Return the 5th, 50th and 95th percentile of F0 in Hz over voiced frames."""
    tracks = [pyworld.harvest(x, rate, f0_floor=60.0, f0_ceil=400.0)[0] for x, rate in clips]
    f0 = np.concatenate(tracks)
    low, middle, high = np.percentile(f0[f0 > 0], (5, 50, 95))
    return float(low), float(middle), float(high)


def voiceprint(encoder: VoiceEncoder, clips: list[Clip]) -> np.ndarray:
    """Return the unit mean of the clips' Resemblyzer embeddings (clips at 16 kHz)."""
    mean = np.mean([encoder.embed_utterance(x.astype(np.float32)) for x, _ in clips], axis=0)
    return mean / np.linalg.norm(mean)


def timbre(clips: list[Clip]) -> str:
    """Say the mean spectral centroid (Hz), onsets a second and tempo estimates of music clips."""
    rows = []
    for x, rate in clips:
        centroid = librosa.feature.spectral_centroid(y=x, sr=rate).mean()
        onsets = len(librosa.onset.onset_detect(y=x, sr=rate)) * rate / len(x)
        flatness = librosa.feature.spectral_flatness(y=x).mean()
        tempo = float(np.atleast_1d(librosa.beat.beat_track(y=x, sr=rate)[0])[0])
        rows.append((centroid, onsets, flatness, tempo))
    names = ("centroid Hz", "onsets/s", "flatness", "tempo BPM")
    return ", ".join(
        f"{name} {np.mean(column):.4g} ({min(column):.4g}-{max(column):.4g})"
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    )


def main() -> None:
    """Read everything below the folder and print one line a measurement."""
    parser = argparse.ArgumentParser(description="Measure the bundled audio.")
    parser.add_argument("--folder", type=Path, default=BUNDLED)
    root = parser.parse_args().folder
    files = [path for path in root.rglob("*") if path.is_file()]
    print("bytes in all:", sum(path.stat().st_size for path in files))
    clips = {(k, f): read(root / k / f) for k in ("voices", "music") for f in FOLDERS}
    for (kind, name), found in clips.items():
        print(f"{kind}/{name}: {describe(root / kind / name, found)}")
    for name in FOLDERS:
        print(f"music/{name}: {timbre(clips['music', name])}")
    for name in FOLDERS:
        print(f"voices/{name}: F0 Hz 5/50/95%", *(f"{f:.1f}" for f in pitch(clips["voices", name])))
    encoder = VoiceEncoder("cpu", verbose=False)
    prints = {name: voiceprint(encoder, clips["voices", name]) for name in FOLDERS}
    for i, a in enumerate(FOLDERS):
        for b in FOLDERS[i + 1 :]:
            print(f"voiceprint cosine {a} | {b}: {prints[a] @ prints[b]:.3f}")


if __name__ == "__main__":
    main()
