"""What tests share: tiny recordings, a tiny bundle, and the notebook's golden outputs."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

# Networks this small are faster on one thread, and several times so where another process computes too.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio.decode import opened
from melgan_vc.bundle import Bundle, pack
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.spec import AudioSpec, ChunkSpec

CACHE = tempfile.TemporaryDirectory(prefix="melgan_vc-measures-")  # nothing was measured before
os.environ["MELGAN_VC_CACHE"] = CACHE.name
ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
TINY_AUDIO = AudioSpec(sample_rate=8000, hop_length=128, n_fft=512, n_mels=24)
TINY_CHUNK = ChunkSpec(width=8, splits=3)
# A training that takes seconds: overrides of any experiment.
TINY = [
    "audio.sample_rate=8000",
    "audio.hop_length=128",
    "audio.n_fft=512",
    "audio.n_mels=24",
    "chunk.width=8",
    "networks.generator.channels=8",
    "networks.siamese.channels=8",
    "networks.siamese.vector_length=8",
    "networks.discriminator.channels=8",
    "data.batch_size=4",
    "trainer.accelerator=cpu",
]


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / "notebook_small.npz"))


@pytest.fixture(scope="session")
def voice() -> tuple[np.ndarray, int]:
    """A held-out sentence of the bundled voices: waveform (N,) and sample rate."""
    path = ROOT / "melgan_vc" / "bundled" / "voices" / "heldout" / "source" / "01.ogg"
    return soundfile.read(path, dtype="float32")


def hum(seconds: float, rate: int, pitch: float, seed: int) -> np.ndarray:
    """A voice-like waveform (N,): harmonics with a moving pitch and level."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * pitch * (time + 0.05 * np.sin(2 * np.pi * (1 + random.random()) * time))
    sound = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.1 * sound * (1.2 + np.sin(2 * np.pi * 3 * time))).astype(np.float32)


@pytest.fixture(scope="session")
def two_domains(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of short recordings with different rates, formats and nesting."""
    root = tmp_path_factory.mktemp("two domains é")
    for domain, pitch in (("source", 200.0), ("target", 110.0)):
        (root / domain / "nested").mkdir(parents=True)
        soundfile.write(root / domain / "a.wav", hum(1.5, 16000, pitch, 1), 16000)
        soundfile.write(root / domain / "b.flac", np.stack([hum(1.2, 44100, pitch, 2)] * 2, 1), 44100)
        soundfile.write(root / domain / "nested" / "c.ogg", hum(1.4, 22050, pitch, 3), 22050)
        soundfile.write(root / domain / "nested" / "d.mp3", hum(1.3, 16000, pitch, 4), 16000)
    return root / "source", root / "target"


@pytest.fixture(scope="session")
def tiny_bundle() -> Bundle:
    torch.manual_seed(0)
    generator = UNetGenerator(TINY_AUDIO.n_mels, channels=8)
    return pack(generator, {"n_mels": TINY_AUDIO.n_mels, "channels": 8}, TINY_AUDIO, TINY_CHUNK, {"made for": "tests"})


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user who never logged in to Weights & Biases."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


class Decoded(NamedTuple):
    """A file as a whole: waveform (C, N), and what it is stored as."""

    waveform: np.ndarray
    sample_rate: int
    subtype: str


def decoded(path: Path) -> Decoded:
    with opened(path) as stream:
        return Decoded(np.concatenate(list(stream.blocks)).T, stream.sample_rate, stream.subtype)


def tiny_training(two_domains: tuple[Path, Path], folder: Path, *more: str) -> list[str]:
    """Overrides of a training that takes seconds and leaves folder/run."""
    return [
        *TINY,
        f"data.source='{two_domains[0]}'",
        f"data.target='{two_domains[1]}'",
        f"data.store='{folder / 'prepared'}'",
        f"run_dir='{folder / 'run'}'",
        *more,
    ]


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """A user's error: exit code 1, no traceback, and a last line that says what, where and what to do."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0], (word, errors[0])
