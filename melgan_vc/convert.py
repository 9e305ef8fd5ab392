"""python -m melgan_vc.convert: recordings into the target domain."""

import logging
from collections.abc import Iterator
from math import log10
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from tqdm import tqdm

from melgan_vc.cli import command
from melgan_vc.data import corpus
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.offline import Job, OfflineConverter, plan

log = logging.getLogger(__name__)


@command("convert")
def main(cfg: DictConfig) -> None:
    given = corpus.locate(cfg.input)
    files = corpus.find(given) if given.is_dir() else [given]
    jobs = plan(files, given if given.is_dir() else None, Path(cfg.output).expanduser())
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device, cfg.overlap)
    if cfg.get("audio") is not None:
        converter.bundle.check_audio(instantiate(cfg.audio))
    offline = OfflineConverter(converter, instantiate(cfg.inversion, spec=converter.bundle.audio), cfg.tail)
    failures = list(convert_all(offline, jobs))
    done = len(jobs) - len(failures)
    print(f"converted {done} recording{'' if done == 1 else 's'} to {jobs[0].output if len(jobs) == 1 else cfg.output}")
    if failures:
        raise UserError(f"{len(failures)} of {len(jobs)} recordings could not be converted: {'; '.join(failures)}")


def convert_all(offline: OfflineConverter, jobs: list[Job]) -> Iterator[str]:
    """Convert what can be converted; yields what is wrong with each of the others."""
    for job in tqdm(jobs, desc="converting", unit="file", disable=len(jobs) == 1, delay=1):
        try:
            gain = offline.convert_file(job.path, job.output)
        except UserError as error:
            if len(jobs) == 1:
                raise
            yield str(error)
        else:
            if gain < 1:
                log.warning("%s: turned down by %.1f dB to stay under full scale", job.output, -20 * log10(gain))


if __name__ == "__main__":
    main()
