"""python -m melgan_vc.convert: recordings into the target domain."""

import logging
from collections.abc import Iterator
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from tqdm import tqdm

from melgan_vc.bundle_header import read_header
from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError
from melgan_vc.memory import keep_freed_memory

if TYPE_CHECKING:
    from melgan_vc.inference.jobs import Job
    from melgan_vc.inference.offline import OfflineConverter

log = logging.getLogger(__name__)


@command("convert")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data import corpus

    read_header(corpus.locate(cfg.bundle))  # before what takes memory and time
    import torch

    from melgan_vc.audio.inversion import Inversion
    from melgan_vc.config.instantiation import instantiate
    from melgan_vc.config.targets import check_trust
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.jobs import plan
    from melgan_vc.inference.offline import OfflineConverter
    from melgan_vc.spec import AudioSpec

    trust = check_trust(cfg.trust)
    given = corpus.locate(cfg.input)
    files = corpus.find(given) if given.is_dir() else [given]
    planned = plan(files, given if given.is_dir() else None, expand_user(cfg.output))
    keep_freed_memory()
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # for two threads compute at a time
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device, cfg.overlap, trust)
    if cfg.get("audio") is not None:
        converter.bundle.check_audio(instantiate(cfg.audio, "audio", AudioSpec, trust))
    inverter = instantiate(cfg.inversion, "inversion", Inversion, trust, spec=converter.bundle.audio)
    settings = {key: cfg[key] for key in ("tail", "channels", "gate_db", "level", "files_at_once")}
    offline = OfflineConverter(converter, inverter, **settings)
    jobs = [job for job in planned if cfg.overwrite or not job.output.exists()]
    failures = list(convert_all(offline, jobs))
    done = len(jobs) - len(failures)
    if jobs:
        where = jobs[0].output if len(jobs) == 1 else cfg.output
        print(f"converted {done} recording{'' if done == 1 else 's'} to {where}")
    if len(jobs) < len(planned):
        there = f"{len(planned) - len(jobs)} were" if len(planned) > 1 else f"{planned[0].output} was"
        print(f"{there} there already and left alone; overwrite=true converts again")
    if failures:
        raise UserError(f"{len(failures)} of {len(planned)} recordings could not be converted: {'; '.join(failures)}")


def convert_all(offline: "OfflineConverter", jobs: "list[Job]") -> Iterator[str]:
    """Convert what can be converted; yields what is wrong with each of the others."""
    seconds = sum(promised(job.path) for job in jobs)
    layout = "{l_bar}{bar}| {n:.0f}/{total:.0f} s of sound [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
    with tqdm(total=seconds, desc="converting", unit="s", bar_format=layout, delay=1) as bar:
        for count, outcome in enumerate(offline.convert_files(jobs, bar.update), start=1):
            bar.set_postfix_str(f"{count} of {len(jobs)} done", refresh=False)
            if outcome.error is not None and len(jobs) == 1:
                raise outcome.error
            if outcome.error is not None:
                yield str(outcome.error)
            elif outcome.gain < 1:
                change = -20 * log10(outcome.gain)
                log.warning("%s: turned down by %.1f dB to stay under full scale", outcome.job.output, change)


def promised(path: Path) -> float:
    """Seconds that a recording's header speaks of; 0 where it does not say, or is no recording: that is told later."""
    from melgan_vc.audio.decode import opened

    try:
        with opened(path) as stream:
            return stream.seconds
    except UserError:
        return 0.0


if __name__ == "__main__":
    main()
