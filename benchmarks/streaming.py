"""Live conversion: is it what offline conversion is, how late is it, and does computing keep up?

    python -m benchmarks.streaming bundle=RUN audio=FILE [block_ms=100] [seconds=60]

One thread. ``difference`` is the largest of any mel value from offline conversion of the same waveform, for blocks of
1 (its first second), 160, 777, 4,096 and 48,000 samples. Times are of blocks as a pipe or a device gives them.
"""

import numpy as np
import torch
from omegaconf import OmegaConf
from tqdm import tqdm

from melgan_vc import bundle
from melgan_vc.audio.griffin_lim import GriffinLim
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


def main() -> None:
    settings = {"bundle": "???", "audio": "???", "block_ms": 100.0, "seconds": 60.0}
    given = OmegaConf.merge(settings, OmegaConf.from_cli())
    missing = OmegaConf.missing_keys(given)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))} not given; say bundle=RUN audio=FILE")
    keep_freed_memory()
    torch.set_num_threads(1)
    model = bundle.load(corpus.locate(given.bundle))
    rate = model.audio.sample_rate
    sound = read_mono(corpus.locate(given.audio), rate)
    steps = LiveSteps(Converter(model), GriffinLim(model.audio))
    for size in BLOCKS:
        print(f"blocks of {size:6} samples: difference {difference(steps, torch.from_numpy(sound), size):.1e}")
    session = Session(steps, Settings(rate, 1, round(given.block_ms * rate / 1000)))
    wanted = np.resize(sound, round(given.seconds * rate))
    for block in tqdm(np.split(wanted, range(session.settings.block, len(wanted), session.settings.block)), delay=2):
        session.step(block[:, None])
    width = model.chunk.width
    print(f"chunks of {width} frames: latency {1000 * session.latency:.0f} ms; {session.report()}")


if __name__ == "__main__":
    with explained():
        main()
