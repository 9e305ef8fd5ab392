"""Live conversion: is it what offline conversion is, how late is it, and does computing keep up?

    python -m benchmarks.streaming bundle=RUN audio=FILE [block_ms=100] [seconds=60] [methods=[griffin_lim,filter]]

One thread. ``difference`` is the largest of any mel value from offline conversion of the same waveform, for blocks of
1 (its first second), 160, 777, 4,096 and 48,000 samples. Times are of blocks as a pipe or a device gives them, by each
way back to sound.
"""

import numpy as np
import torch
from omegaconf import OmegaConf
from tqdm import tqdm

from melgan_vc import bundle
from melgan_vc.audio import methods
from melgan_vc.audio.io import read_mono
from melgan_vc.cli import explained
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.live import LiveSteps
from melgan_vc.inference.session import Session, Settings
from melgan_vc.memory import keep_freed_memory

BLOCKS = (1, 160, 777, 4096, 48000)


def mel_of(steps: LiveSteps, waveform: torch.Tensor, size: int) -> torch.Tensor:
    """The translated mel (M, T) of a waveform that comes in blocks."""
    translation = steps.translation  # which offline conversion goes through as well
    states, pieces = [translation.start()], []
    for block in waveform.split(size):
        states, (piece,) = translation.step(states, [block])
        pieces.append(piece.mel)
    return torch.cat([*pieces, translation.end(states)[0].mel], dim=1)


def difference(steps: LiveSteps, waveform: torch.Tensor, size: int) -> float:
    """Largest difference of the mel from the one of the waveform as a whole."""
    some = waveform[: steps.spec.sample_rate] if size == 1 else waveform
    return float((mel_of(steps, some, size) - mel_of(steps, some, len(some))).abs().max())


def session_of(converter: Converter, method: str, block_ms: float) -> Session:
    """A live session at the model's rate."""
    audio = converter.bundle.audio
    steps = LiveSteps(converter, methods.build({"name": method}, audio))
    return Session(steps, Settings(audio.sample_rate, 1, round(block_ms * audio.sample_rate / 1000)))


def main() -> None:
    settings = {
        "bundle": "???", "audio": "???", "block_ms": 100.0, "seconds": 60.0, "methods": ["griffin_lim", "filter"],
    }  # fmt: skip
    given = OmegaConf.merge(settings, OmegaConf.from_cli())
    missing = OmegaConf.missing_keys(given)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))} not given; say bundle=RUN audio=FILE")
    if unknown := [name for name in given.methods if name not in methods.METHODS]:
        raise UserError(f"methods holds {unknown[0]!r}: give some of {', '.join(methods.METHODS)}")
    keep_freed_memory()
    torch.set_num_threads(1)
    converter = Converter(bundle.load(corpus.locate(given.bundle)))
    rate = converter.bundle.audio.sample_rate
    sound = read_mono(corpus.locate(given.audio), rate)
    sessions = {name: session_of(converter, name, given.block_ms) for name in given.methods}
    steps = next(iter(sessions.values())).steps
    for size in BLOCKS:
        print(f"blocks of {size:6} samples: difference {difference(steps, torch.from_numpy(sound), size):.1e}")
    wanted = np.resize(sound, round(given.seconds * rate))
    print(f"chunks of {converter.bundle.chunk.width} frames")
    for name, session in sessions.items():
        borders = range(session.settings.block, len(wanted), session.settings.block)
        for block in tqdm(np.split(wanted, borders), desc=name, delay=2):
            session.step(block[:, None])
        print(f"{name}: latency {1000 * session.latency:.0f} ms; {session.report()}")


if __name__ == "__main__":
    with explained():
        main()
