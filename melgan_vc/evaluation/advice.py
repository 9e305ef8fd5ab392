"""Advice on recordings: what is wrong, its effect on the result, and how to fix it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from melgan_vc.data.left_out import on_a_line
from melgan_vc.evaluation.inspection import Domain, Double
from melgan_vc.measures.recordings import Sound
from melgan_vc.text import counted

FEW_MINUTES, ADVISED_MINUTES = 10, 60  # of a domain
NOISY_DB = 20.0  # between sound and pauses; clean speech has 40
NARROW = 0.8  # of the highest frequency
SILENT_SHARE = 0.25
UNEVEN_DB = 12.0  # between the loudest and the quietest recordings of a domain, without the outermost twentieths
LOUDER_DB = 10.0  # between the domains
QUIET_DB = -45.0
LONG = 3.0  # seconds; in less there need be no pause
SOME = 0.05  # of a domain's recordings, that a fault of is not serious
NAMES = 3  # recordings that are named as examples


@dataclass(frozen=True)
class Advice:
    """Something to mend.

    Attributes:
        serious: the result suffers; else it could be better.
        what: was found.
        effect: of it on the result.
        remedy: what to do.
    """

    serious: bool
    what: str
    effect: str
    remedy: str


def advice(source: Domain, target: Domain, doubles: Sequence[Double]) -> list[Advice]:
    """Return all advice on the recordings of a training, the serious first."""
    found = [*of_doubles(doubles), *of_levels(source, target)]
    for domain in (source, target):
        for rule in (of_duration, of_clipping, of_level, of_noise, of_bandwidth, of_silence, of_unused):
            found += rule(domain)
    return sorted(found, key=lambda one: not one.serious)


def of_duration(domain: Domain) -> Iterator[Advice]:
    effect = "rare sounds are learned poorly, and the discriminator memorises the recordings"
    if domain.minutes < ADVISED_MINUTES:
        serious = domain.minutes < FEW_MINUTES
        remedy = f"record more: {FEW_MINUTES} minutes at least, an hour is what the method's authors advise"
        yield Advice(serious, f"the {domain.name} has only {domain.minutes:.1f} minutes of audio", effect, remedy)
    if len(domain.store.items) == 1:
        yield Advice(
            False,
            f"the {domain.name} is one recording",
            "its end is held out, and held-out measures tell of that alone",
            "cut it into several files, at pauses, best of several days",
        )


def of_clipping(domain: Domain) -> Iterator[Advice]:
    if domain.clipped:
        yield Advice(
            True,
            f"{count(len(domain.clipped), domain)} clipped: {examples([item.path for item in domain.clipped])}",
            "its distortion is learned as a part of the sound",
            "record at a lower level, or take these out",
        )


def of_level(domain: Domain) -> Iterator[Advice]:
    low, high = np.percentile([sound.loud for sound in domain.sounds], (5, 95))
    if high - low > UNEVEN_DB:
        yield Advice(
            False,
            f"the recordings of the {domain.name} are not equally loud: {low:.0f} to {high:.0f} dBFS",
            "loudness is learned in place of the sound",
            "prepare.loudness=-23 brings all to one loudness",
        )
    quiet = those(domain, lambda sound: sound.loud < QUIET_DB)
    if quiet:
        yield Advice(
            many(quiet, domain),
            f"{count(len(quiet), domain)} very quiet, under {QUIET_DB:.0f} dBFS: {examples(quiet)}",
            "what is quiet in it lies under the lowest level of the mels, and is lost",
            "prepare.loudness=-23, or record at a higher level",
        )


def of_levels(source: Domain, target: Domain) -> Iterator[Advice]:
    difference = target.mean("loud") - source.mean("loud")
    if abs(difference) > LOUDER_DB:
        yield Advice(
            False,
            f"the target is {abs(difference):.0f} dB {'louder' if difference > 0 else 'quieter'} than the source",
            "the generator spends itself on changing the level",
            "prepare.loudness=-23 brings both to one loudness",
        )


def of_noise(domain: Domain) -> Iterator[Advice]:
    noisy = those(domain, lambda sound: sound.range < NOISY_DB and sound.loud > QUIET_DB and sound.seconds > LONG)
    if noisy:
        yield Advice(
            many(noisy, domain),
            f"{count(len(noisy), domain)} noisy, or without pauses (no moment is {NOISY_DB:.0f} dB under the sound): "
            f"{examples(noisy)}",
            "in a voice this is noise, echo or music, which is learned as part of it; for music it does not matter",
            "record a voice in a quiet room close to the microphone, or clean the recordings",
        )


def of_bandwidth(domain: Domain) -> Iterator[Advice]:
    top = domain.audio.max_frequency or domain.audio.sample_rate / 2
    narrow = those(domain, lambda sound: sound.bandwidth < NARROW * top)
    if narrow:
        lowest = min(sound.bandwidth for sound in domain.sounds if sound.bandwidth < NARROW * top)
        yield Advice(
            many(narrow, domain),
            f"{count(len(narrow), domain)} without high frequencies, one of them over {lowest / 1000:.1f} kHz of "
            f"{top / 1000:g} kHz: {examples(narrow)}",
            "they were made or sent at a lower rate, by telephone say, and dullness is learned as a part of the sound",
            "find the originals, or take these out",
        )


def of_silence(domain: Domain) -> Iterator[Advice]:
    share = domain.mean("silent")
    if share > SILENT_SHARE:
        yield Advice(
            False,
            f"{share:.0%} of the {domain.name} is silence",
            "many windows hold nothing to learn from",
            "prepare.silence=energy cuts it out, prepare.silence=vad all but speech",
        )


def of_unused(domain: Domain) -> Iterator[Advice]:
    unused = (
        ("skipped", list(domain.store.left_out.values()), "repair or remove them"),
        ("shorter than a window", domain.split.short, "join them to longer ones, or take a smaller chunk.width"),
        ("silent", domain.split.silent, "record them again, or remove them"),
    )
    for what, names, remedy in unused:
        if names:
            found = f"{count(len(names), domain)} {what}: {examples(names, mark='; ')}"
            yield Advice(False, found, "nothing of them is used", remedy)


def of_doubles(doubles: Sequence[Double]) -> Iterator[Advice]:
    across = [double for double in doubles if double.across]
    within = [double for double in doubles if not double.across]
    if across:
        yield Advice(
            True,
            f"{counted(len(across), 'recording is', 'recordings are')} in both domains: "
            f"{examples([described(one) for one in across])}",
            "what is in both cannot be told apart, so nothing of it is translated",
            "take them out of one domain",
        )
    if within:
        yield Advice(
            False,
            f"{counted(len(within), 'pair')} of recordings nearly the same: "
            f"{examples([described(one) for one in within])}",
            "where one trains and the other is held out, the held-out measures are too good",
            "remove one of each pair",
        )


def described(double: Double) -> str:
    return f"{double.one[1]} and {double.other[1]}"


def those(domain: Domain, are: Callable[[Sound], bool]) -> list[str]:
    """Names of the recordings whose sound is so."""
    return [item.path for sound, item in zip(domain.sounds, domain.examined, strict=True) if are(sound)]


def many(names: Sequence[str], domain: Domain) -> bool:
    """Tell whether these are more of a domain's recordings than can be tolerated."""
    return len(names) > SOME * len(domain.sounds)


def count(number: int, domain: Domain) -> str:
    """Return a number of a domain's recordings as the start of a sentence."""
    return counted(number, f"recording of the {domain.name} is", f"recordings of the {domain.name} are")


def examples(names: Sequence[str], mark: str = ", ") -> str:
    """Some names."""
    shown = mark.join(on_a_line(name) for name in names[:NAMES])
    return shown + (f"{mark}and {len(names) - NAMES} more" if len(names) > NAMES else "")
