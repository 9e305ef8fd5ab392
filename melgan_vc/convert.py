"""python -m melgan_vc.convert: convert recordings into the target domain."""

import logging
import os
import sys
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from melgan_vc.bundle_header import read_header
from melgan_vc.cli import command
from melgan_vc.config.paths import expand_user
from melgan_vc.errors import UserError, explain_os_error
from melgan_vc.files import Originals, check_output
from melgan_vc.inversions import inversion_of
from melgan_vc.memory import keep_freed_memory
from melgan_vc.temporary import remove_abandoned_once
from melgan_vc.terminal import Bar, say
from melgan_vc.text import counted, printable

if TYPE_CHECKING:
    from melgan_vc.inference.jobs import Job
    from melgan_vc.inference.offline import OfflineConverter

log = logging.getLogger(__name__)
IN_A_LINE = 3  # failures that the last line names
FEWEST_BYTES = 8  # of a second of sound, in any format
LONGEST = 60.0  # seconds that a recording may last with fewer


@command("convert")
def main(cfg: DictConfig) -> None:
    from melgan_vc.data import corpus

    read_header(corpus.locate(cfg.bundle))  # before what takes memory and time
    import torch

    from melgan_vc.config.instantiation import instantiate
    from melgan_vc.config.targets import check_trust
    from melgan_vc.inference.converter import Converter
    from melgan_vc.inference.jobs import plan
    from melgan_vc.inference.offline import OfflineConverter
    from melgan_vc.spec import AudioSpec

    trust = check_trust(cfg.trust)
    given = corpus.locate(cfg.input)
    output = expand_user(cfg.output)
    files = corpus.find(given) if given.is_dir() else [given]
    planned = plan(files, given if given.is_dir() else None, output, cfg.overwrite)
    originals = Originals(files)
    jobs, failures = prepared(planned, originals, cfg.overwrite)
    if given.is_dir() and jobs:
        check_folder(output)
    keep_freed_memory()
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # for two threads compute at a time
    converter = Converter.load(corpus.locate(cfg.bundle), cfg.device, cfg.overlap, trust, cfg.pitch)
    if cfg.get("audio") is not None:
        converter.bundle.check_audio(instantiate(cfg.audio, "audio", AudioSpec, trust))
    inverter, _ = inversion_of(cfg.inversion, converter.bundle, trust)
    settings = {key: cfg[key] for key in ("tail", "channels", "gate_db", "level", "files_at_once")}
    offline = OfflineConverter(converter, inverter, **settings)
    refused = len(failures)
    failures += convert_all(offline, jobs, originals)
    done = len(jobs) + refused - len(failures)
    if jobs:
        where = jobs[0].output if len(jobs) == 1 else output
        say(f"converted {counted(done, 'recording')} to {where}")
    skipped = len(planned) - refused - len(jobs)
    if skipped:
        there = f"{planned[0].output} already exists" if len(planned) == 1 else f"{skipped} already existed"
        one = skipped == 1
        say(f"{there} and {'was' if one else 'were'} skipped; overwrite=true converts {'it' if one else 'them'} again")
    if failures:
        raise UserError(summary(failures, len(planned)))


def summary(failures: "list[str]", count: int) -> str:
    """Return how many recordings failed, and why: of a few in the same line, of more in lines printed before it.

    Args:
        failures: what is wrong, with each recording's name.
        count: of all recordings.
    """
    head = f"{len(failures)} of {counted(count, 'recording')} could not be converted"
    if len(failures) <= IN_A_LINE:
        return f"{head}: {'; '.join(failures)}"
    for failure in failures:
        say(f"  {failure}", error=True)
    return f"{head}; each is named above"


def prepared(planned: "list[Job]", originals: Originals, overwrite: bool) -> "tuple[list[Job], list[str]]":
    """Return what is left to convert, and why some cannot be; what killed conversions left behind is removed."""
    jobs, failures = [], []
    for folder in {job.output.parent.absolute() for job in planned}:
        remove_abandoned_once(folder)
    for job in planned:
        try:
            job.check(originals)
        except UserError as error:
            failures.append(about(job, error))
            continue
        if overwrite or not os.path.lexists(job.output):
            jobs.append(job)
    return jobs, failures


def about(job: "Job", error: UserError) -> str:
    """Return what is wrong with a recording, and its name where that is not said."""
    name, reason = printable(job.path), str(error)
    return reason if name in printable(reason) else f"{name}: {reason}"


def check_folder(output: Path) -> None:
    """See that the output folder can be made and written, before the work.

    Raises:
        UserError: it cannot.
    """
    try:
        check_output(output / "conversion")
    except OSError as error:
        raise UserError(explain_os_error(error, output)) from error


def convert_all(offline: "OfflineConverter", jobs: "list[Job]", originals: Originals) -> list[str]:
    """Convert what can be converted; returns what is wrong with each of the others.

    Raises:
        UserError: the only recording cannot be converted, or what prevents it, such as a full disk, concerns all.
    """
    failures: list[str] = []
    done = 0
    with sound_bar(jobs) as bar:
        try:
            for outcome in offline.convert_files(jobs, bar.update, originals):
                done += 1
                bar.set_postfix_str(f"{done} of {len(jobs)} recordings", refresh=False)
                if outcome.error is not None and len(jobs) == 1:
                    raise outcome.error
                if outcome.error is not None:
                    failures.append(about(outcome.job, outcome.error))
                elif outcome.gain < 1:
                    change = -20 * log10(outcome.gain)
                    log.warning("%s: turned down by %.1f dB to stay under full scale", outcome.job.output, change)
        except OSError as error:
            named = "".join(f"; {failure}" for failure in failures)
            raise UserError(
                f"{explain_os_error(error)}; {done - len(failures)} of {len(jobs)} recordings were converted, and the "
                f"same command resumes{named}"
            ) from error
    return failures


def sound_bar(jobs: "list[Job]") -> Bar:
    """Return a bar of the seconds that are converted, with their total where all recordings tell theirs."""
    layout = "{desc}: {n:.0f} s of sound [{elapsed}, {rate_noinv_fmt}{postfix}]"
    seconds = [promised(job.path) for job in jobs] if sys.stderr.isatty() else []
    total = sum(seconds) if seconds and all(seconds) else None
    if total is not None:
        layout = "{l_bar}{bar}| {n:.0f}/{total:.0f} s of sound [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
    return Bar(total=total, desc="converting", unit="s", bar_format=layout)


def promised(path: Path) -> float:
    """Return the seconds that a recording's header speaks of.

    It is 0 where the header does not say, says what cannot be, or belongs to no recording: that is told later.
    """
    from melgan_vc.audio.decode import opened

    try:
        with opened(path) as stream:
            return stream.seconds if stream.seconds <= LONGEST + path.stat().st_size / FEWEST_BYTES else 0.0
    except (UserError, OSError):
        return 0.0


if __name__ == "__main__":
    main()
