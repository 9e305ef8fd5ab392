"""Make the audio that ships in melgan_vc/bundled: two voices and two kinds of music.

A maintainer's tool; users of the package never run it. It needs, on Debian:

    apt-get install flite fluidsynth fluid-soundfont-gm
    pip install mido numpy scipy soundfile

and is run from the top of the repository, with no argument, as:

    python tools/make_bundled_audio.py

Licences. flite and its built-in voices slt and rms (Carnegie Mellon University): a BSD-like
licence that lets anyone use, copy and distribute them, with the notice kept. FluidR3_GM soundfont
(Frank Wen and contributors): MIT. fluidsynth, the program: LGPL 2.1. mido: MIT. The sentences and
the compositions are made by sentences.py, jazz.py and strings.py beside this file.

Everything is seeded: a second run gives the same samples. The Ogg pages carry a random stream
serial number, so the bytes of the files differ while the decoded audio is equal.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jazz
import numpy as np
import score
import sentences
import soundfile
import strings
from scipy.signal import resample_poly

BUNDLED = Path(__file__).resolve().parent.parent / "melgan_vc" / "bundled"
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SPEAKERS = {"source": "slt", "target": "rms"}
SEED = 20210
SPEECH_SECONDS = 8.7 * 60
SPEECH_RANGE = (3.0, 7.0)
MUSIC_CLIPS = 13
MUSIC_SECONDS = (19.5, 22.5)
HELDOUT_CLIPS = 4
HELDOUT_SECONDS = (10.4, 11.0)
TRAIN_KEYS = (0, 5, 10, 3, 8, 2, 7, 9)
HELDOUT_KEYS = (1, 4, 6, 11)
SPEECH_RATE, MUSIC_RATE, RENDER_RATE = 16000, 24000, 48000
SPEECH_COMPRESSION, MUSIC_COMPRESSION = 0.900, 0.888
LEVEL_DB, PEAK_DB = -23.0, -2.0

Samples = np.ndarray


@dataclass(frozen=True)
class Line:
    """One row of sentences.csv: the file below voices/, who speaks, the split, and the text."""

    file: str
    speaker: str
    split: str
    text: str


def trim(samples: Samples, rate: int, margin: float, floor_db: float) -> Samples:
    """Cut both ends to `margin` s around what is within `floor_db` dB of the loudest 10 ms."""
    frame = rate // 100
    count = len(samples) // frame
    power = np.square(samples[: count * frame]).reshape(count, frame).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (floor_db / 10))
    keep = round(margin * rate)
    return samples[max(0, loud[0] * frame - keep) : (loud[-1] + 1) * frame + keep]


def fade(samples: Samples, rate: int, seconds: float) -> Samples:
    """Fade the last `seconds` s to silence with a raised cosine."""
    count = min(len(samples), round(seconds * rate))
    curve = np.ones(len(samples))
    curve[len(samples) - count :] = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, count))
    return samples * curve


def level(samples: Samples) -> Samples:
    """Scale to an RMS of `LEVEL_DB` dBFS, or less where the peak would pass `PEAK_DB` dBFS."""
    gain = 10 ** (LEVEL_DB / 20) / np.sqrt(np.square(samples).mean())
    return samples * float(min(gain, 10 ** (PEAK_DB / 20) / np.abs(samples).max()))


def save(samples: Samples, rate: int, compression: float, path: Path) -> None:
    """Write levelled mono samples (`rate` Hz) as Opus in Ogg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level(samples), rate, format="OGG", subtype="OPUS", compression_level=compression)


def speak(voice: str, text: str) -> Samples:
    """Return the text spoken by a flite voice: mono, `SPEECH_RATE` Hz, silence at the ends cut."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, str(path)], check=True)
        samples, rate = soundfile.read(path)
    if rate != SPEECH_RATE or samples.ndim != 1:
        raise RuntimeError(f"flite gave {rate} Hz, shape {samples.shape}, for voice {voice}")
    return fade(trim(samples, rate, margin=0.05, floor_db=-45.0), rate, 0.01)


def play(piece: score.Piece, seed: int) -> Samples:
    """Return the piece played by fluidsynth: mono, `MUSIC_RATE` Hz, with its ring faded out."""
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        score.write_midi(piece, midi, random.Random(seed))
        options = ["-ni", "-q", "-C", "0", "-R", "1", "-g", "0.4", "-r", str(RENDER_RATE)]
        output = ["-T", "wav", "-O", "float", "-F", str(wave)]
        subprocess.run(
            ["fluidsynth", *options, *output, str(SOUNDFONT), str(midi)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stereo, _ = soundfile.read(wave)
    mono = resample_poly(stereo.mean(axis=1), MUSIC_RATE, RENDER_RATE)
    return fade(trim(mono, MUSIC_RATE, margin=0.05, floor_db=-50.0), MUSIC_RATE, 0.4)


def make_training_speech(folder: Path) -> Iterator[Line]:
    """Write each speaker's training files below `folder`; no sentence is given to both."""
    seconds = dict.fromkeys(SPEAKERS, 0.0)
    count = dict.fromkeys(SPEAKERS, 0)
    for text in sentences.compose(SEED):
        side = min(seconds, key=lambda s: seconds[s])
        if seconds[side] >= SPEECH_SECONDS:
            return
        samples = speak(SPEAKERS[side], text)
        length = len(samples) / SPEECH_RATE
        if SPEECH_RANGE[0] <= length <= SPEECH_RANGE[1]:
            seconds[side] += length
            count[side] += 1
            name = f"{side}/{count[side]:04d}.ogg"
            save(samples, SPEECH_RATE, SPEECH_COMPRESSION, folder / name)
            yield Line(name, SPEAKERS[side], "train", text)


def make_heldout_speech(folder: Path) -> Iterator[Line]:
    """Write the held-out sentences, spoken by both speakers, below `folder`."""
    for side, voice in SPEAKERS.items():
        for i, text in enumerate(sentences.HELDOUT, start=1):
            name = f"heldout/{side}/{i:02d}.ogg"
            save(speak(voice, text), SPEECH_RATE, SPEECH_COMPRESSION, folder / name)
            yield Line(name, voice, "heldout", text)


def make_voices(folder: Path) -> None:
    """Write all speech below `folder`, and sentences.csv with one row a file."""
    lines = [*make_training_speech(folder), *make_heldout_speech(folder)]
    with (folder / "sentences.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("file", "speaker", "split", "text"))
        for line in sorted(lines, key=lambda row: (row.split == "heldout", row.file)):
            writer.writerow((line.file, line.speaker, line.split, line.text))


def make_music(folder: Path) -> None:
    """Write the training and held-out clips of both genres below `folder`."""
    train = [(i, TRAIN_KEYS, MUSIC_SECONDS, "") for i in range(MUSIC_CLIPS)]
    heldout = [(100 + i, HELDOUT_KEYS, HELDOUT_SECONDS, "heldout/") for i in range(HELDOUT_CLIPS)]
    for number, keys, bounds, split in train + heldout:
        seconds = random.Random(SEED + number).uniform(*bounds)
        jazz_key, string_key = keys[number % len(keys)], keys[(number + 3) % len(keys)]
        texture = strings.TEXTURES[number % len(strings.TEXTURES)]
        pieces = {
            "source": jazz.compose(SEED + 1000 + number, jazz_key, seconds),
            "target": strings.compose(SEED + 2000 + number, string_key, seconds, texture),
        }
        for side, piece in pieces.items():
            path = folder / f"{split}{side}" / f"{number % 100 + 1:02d}.ogg"
            save(play(piece, SEED + number), MUSIC_RATE, MUSIC_COMPRESSION, path)


def main() -> None:
    """Make the chosen parts in a temporary folder, then move them into place."""
    parser = argparse.ArgumentParser(description="Make the bundled audio.")
    parser.add_argument("--out", type=Path, default=BUNDLED, help="where the parts go")
    parser.add_argument("--only", choices=("voices", "music"), help="make one part only")
    arguments = parser.parse_args()
    makers = {"voices": make_voices, "music": make_music}
    with tempfile.TemporaryDirectory() as folder:
        for part in [arguments.only] if arguments.only else list(makers):
            makers[part](Path(folder) / part)
            arguments.out.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(arguments.out / part, ignore_errors=True)
            shutil.move(Path(folder) / part, arguments.out / part)


if __name__ == "__main__":
    main()
