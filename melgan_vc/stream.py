"""python -m melgan_vc.stream: a voice while it speaks."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from melgan_vc import terminal
from melgan_vc.bundle_header import read_header
from melgan_vc.cli import command
from melgan_vc.errors import UserError
from melgan_vc.inversions import inversion_of
from melgan_vc.memory import keep_freed_memory

if TYPE_CHECKING:
    from melgan_vc.inference.session import Session

ENDS = {"input": ("microphone", "stdin"), "output": ("speakers", "stdout")}


@command("stream")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data import corpus

    check(cfg)
    read_header(corpus.locate(cfg.bundle))  # before what takes memory and time
    import torch

    from melgan_vc.config.targets import check_trust
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.live import LiveSteps
    from melgan_vc.inference.session import Session, Settings

    trust = check_trust(cfg.trust)
    keep_freed_memory()
    torch.set_num_threads(1)  # what comes at a time is little: more would wait for one another
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device, cfg.overlap, trust, cfg.pitch)
    rate = converter.bundle.audio.sample_rate if cfg.rate is None else cfg.rate
    settings = Settings(rate, cfg.channels, max(1, round(cfg.block_ms * rate / 1000)), cfg.gain_db)
    inverter, _ = inversion_of(cfg.inversion, converter.bundle, trust)
    session = Session(LiveSteps(converter, inverter, cfg.gate_db), settings)
    say(f"{cfg.input} to {cfg.output}: {rate} Hz, channels: {settings.channels}")
    say(
        f"latency: {1000 * session.latency:.0f} ms + {cfg.block_ms:.0f} ms block, plus compute and device buffers; "
        "press Ctrl-C to stop"
    )
    blocks = by_pipe(cfg, session) if cfg.input == "stdin" else by_devices(cfg, session)
    every = max(1, round(cfg.report_seconds / session.block_seconds))
    try:
        for count, _ in enumerate(blocks, start=1):
            if count % every == 0:
                say(session.report())
    except KeyboardInterrupt:
        pass  # how live conversion ends
    finally:
        if session.clock.blocks % every:
            say(session.report())


def check(cfg: DictConfig) -> None:
    """Refuse settings that make no sense."""
    for key, known in ENDS.items():
        if cfg[key] not in known:
            raise UserError(f"{key} is {cfg[key]!r}: give one of {', '.join(known)}")
    if (cfg.input == "stdin") != (cfg.output == "stdout"):
        raise UserError(f"{cfg.input} and {cfg.output} do not go together: give stdin and stdout, or neither")
    for key, lowest, highest in (("rate", 1000, 768000), ("channels", 1, 64)):
        value = cfg[key]
        if (key, value) != ("rate", None) and (type(value) is not int or not lowest <= value <= highest):
            raise UserError(f"{key} is {value!r}: give a whole number from {lowest} to {highest}")
    for key, lowest, highest in (("block_ms", 1, 10000), ("gain_db", -60, 60), ("report_seconds", 1, 86400)):
        value = cfg[key]
        if type(value) not in (int, float) or not lowest <= value <= highest:
            raise UserError(f"{key} is {value!r}: give a number from {lowest} to {highest}")


def by_pipe(cfg: DictConfig, session: "Session") -> Iterator[None]:
    """Raw samples from standard input to standard output."""
    from melgan_vc.inference.pcm import Pcm

    pcm = Pcm(cfg.format, cfg.channels)
    given, out = getattr(sys.stdin, "buffer", None), getattr(sys.stdout, "buffer", None)
    if given is None or out is None:
        raise UserError("standard input and output carry no raw samples here; run this in a terminal")
    for block in pcm.read(given, session.settings.block):
        out.write(pcm.bytes(session.step(block)))
        out.flush()
        yield
    out.write(pcm.bytes(session.end()))
    out.flush()


def by_devices(cfg: DictConfig, session: "Session") -> Iterator[None]:
    """Microphone to speakers."""
    from melgan_vc.inference.devices import Devices

    settings = session.settings
    delay = round(session.latency * settings.sample_rate) + 2 * settings.block  # a block to wait for, one to compute
    names = (cfg.input_device, cfg.output_device)
    devices = Devices(settings.sample_rate, settings.channels, settings.block, delay, names)
    try:
        yield from devices.run(session.step)
    finally:
        say(f"gaps in what was played: {devices.played.dropouts}; in what was heard: {devices.overflows}")


def say(line: str) -> None:
    terminal.say(line, error=True)


if __name__ == "__main__":
    main()
