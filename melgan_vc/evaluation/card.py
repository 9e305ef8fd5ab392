"""A bundle's model card, to read (after Mitchell et al., "Model Cards for Model Reporting", 2019)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from melgan_vc.audio.methods import DEFAULT
from melgan_vc.bundle import Bundle
from melgan_vc.evaluation.documents import LARGEST_NUMBER, shortened
from melgan_vc.measures.better import BETTER, NO_WAY

UNKNOWN = "not stated"
LONGEST = 300  # characters of a statement


def text(bundle: Bundle, path: Path) -> str:
    """The card of a bundle as Markdown."""
    about = bundle.provenance
    audio, chunk = bundle.audio, bundle.chunk
    weights = sum(value.numel() for value in bundle.generator.state_dict().values())
    lines = [
        f"# {path}",
        "",
        "A generator of MelGAN-VC: it turns mel-spectrograms of the source it was trained on into the target.",
        "",
        f"- mels: {audio.n_mels} bins, {audio.sample_rate} Hz, a frame each {audio.hop_length} samples",
        f"- chunks: {chunk.width} frames ({1000 * audio.seconds(chunk.width):.0f} ms), {chunk.splits} in a window",
        f"- generator: {type(bundle.generator).__name__}, {weights:,} weights",
        f"- pitch: {'as the source has it' if bundle.pitch is None else bundle.pitch}",
        f"- back to sound: {way_back(bundle)}",
        f"- experiment: {stated(about, 'experiment')}, seed {stated(about, 'seed')}",
        f"- batches: {stated(about, 'batches')}",
        f"- melgan_vc: {stated(about, 'version')}, {commit(part(about, 'code'))}",
        "",
        "## Trained on",
        "",
        *recordings(about),
        "",
        "## On held-out recordings",
        "",
        *measures(part(about, "held_out")),
        "",
        "## Licence and consent",
        "",
        f"- licence: {stated(part(about, 'card'), 'licence')}",
        f"- consent: {stated(part(about, 'card'), 'consent')}",
        "",
        "A voice belongs to a person: convert to one only with that person's consent, and say that it is synthetic.",
    ]
    return "\n".join(lines)


def way_back(bundle: Bundle) -> str:
    """Return the way back to sound that a bundle asks for, with its numbers."""
    settings = dict(bundle.inversion or {"name": DEFAULT})
    name = settings.pop("name")
    numbers = ", ".join(f"{key} {value:g}" for key, value in settings.items())
    return f"{name} ({numbers})" if numbers else str(name)


def part(about: Any, name: str) -> Mapping[str, Any]:
    """Return what a bundle, perhaps a stranger's, says under a name; nothing if that is no mapping."""
    found = about.get(name) if isinstance(about, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def stated(about: Any, name: str) -> str:
    """Return a text or number on one line, or that there is none."""
    found = about.get(name) if isinstance(about, Mapping) else None
    if not isinstance(found, str | int | float) or found == "":
        return UNKNOWN
    return shortened(found, LONGEST)


def figure(value: Any, form: str) -> str:
    """Return a number in a format; a dash for what is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER
    return format(value, form) if known else "-"


def commit(code: Mapping[str, Any]) -> str:
    if "commit" not in code:
        return f"commit {UNKNOWN}"
    return f"commit {stated(code, 'commit')}{', changed since' if code.get('dirty') else ''}"


def recordings(about: Mapping[str, Any]) -> Iterator[str]:
    """Minutes and hash of each domain."""
    data = part(about, "data")
    if not data:
        yield f"- {UNKNOWN}"
    for domain in data:
        minutes = part(about, "minutes").get(domain)
        shown = UNKNOWN if minutes is None else figure(minutes, ".1f")
        yield f"- {shortened(domain)}: {shown} minutes, sha256 {stated(data, domain)}"


def measures(held_out: Mapping[str, Any]) -> Iterator[str]:
    """Yield the results of the last validation, and which way is better; a dash for what could not be measured."""
    if not held_out:
        yield "- nothing was measured"
    for name, value in held_out.items():
        way = BETTER.get(name, NO_WAY)
        better = "" if way == NO_WAY else f" ({'less' if way == 'min' else 'more'} is better)"
        yield f"- {shortened(name)}: {figure(value, '.4g')}{better}"
