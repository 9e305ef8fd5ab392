"""Profiles of trainings, one process each, and recordings of any length to train on."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from melgan_vc.audio.io import read_mono
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.profile import RECORD

ROOT = Path(__file__).resolve().parent.parent
RATE = 16000
MINUTES_A_FILE = 5.0


def profile(*overrides: str) -> dict[str, Any]:
    """What ``python -m melgan_vc.profile`` finds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "melgan_vc.profile", f"output={folder}", *overrides]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise UserError(f"profile {' '.join(overrides)}: {done.stderr.strip().splitlines()[-1]}")
        found: dict[str, Any] = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
    return found


def recordings(folder: Path, minutes: float) -> list[str]:
    """Overrides that train on so many minutes a domain, of the bundled voices over and over."""
    given = []
    for domain in ("source", "target"):
        place = folder / f"{domain} of {minutes:g} min"
        voice = np.concatenate(
            [read_mono(path, RATE) for path in corpus.find(corpus.locate(f"bundled:voices/{domain}"))]
        )
        place.mkdir(parents=True)
        left, number = minutes, 0
        while left > 0:
            length = min(left, MINUTES_A_FILE)
            piece = np.resize(np.roll(voice, number * RATE), round(60 * length * RATE))
            soundfile.write(place / f"{number:04d}.flac", piece, RATE)
            left, number = left - length, number + 1
        given.append(f"data.{domain}='{place}'")
    return given
