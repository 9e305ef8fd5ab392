"""A bundle's model card, to read (after Mitchell et al., "Model Cards for Model Reporting", 2019)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from melgan_vc.bundle import Bundle
from melgan_vc.measures.better import BETTER, NO_WAY

UNKNOWN = "not stated"


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
        f"- experiment: {about.get('experiment', UNKNOWN)}, seed {about.get('seed', UNKNOWN)}",
        f"- batches: {about.get('batches', UNKNOWN)}",
        f"- melgan_vc: {about.get('version', UNKNOWN)}, {commit(about.get('code', {}))}",
        "",
        "## Trained on",
        "",
        *recordings(about),
        "",
        "## On held-out recordings",
        "",
        *measures(about.get("held_out", {})),
        "",
        "## Licence and consent",
        "",
        f"- licence: {about.get('card', {}).get('licence') or UNKNOWN}",
        f"- consent: {about.get('card', {}).get('consent') or UNKNOWN}",
        "",
        "A voice belongs to a person: convert to one only with that person's consent, and say that it is synthetic.",
    ]
    return "\n".join(lines)


def commit(code: Mapping[str, Any]) -> str:
    if "commit" not in code:
        return f"commit {UNKNOWN}"
    return f"commit {code['commit']}{', changed since' if code.get('dirty') else ''}"


def recordings(about: Mapping[str, Any]) -> Iterator[str]:
    """Minutes and hash of each domain."""
    if not about.get("data"):
        yield f"- {UNKNOWN}"
    for domain, content in about.get("data", {}).items():
        minutes = about.get("minutes", {}).get(domain)
        yield f"- {domain}: {UNKNOWN if minutes is None else f'{minutes:.1f}'} minutes, sha256 {content}"


def measures(held_out: Mapping[str, float]) -> Iterator[str]:
    """What the last validation measured, and which way is better."""
    if not held_out:
        yield "- nothing was measured"
    for name, value in held_out.items():
        way = BETTER.get(name, NO_WAY)
        yield f"- {name}: {value:.4g}" + ("" if way == NO_WAY else f" ({'less' if way == 'min' else 'more'} is better)")
