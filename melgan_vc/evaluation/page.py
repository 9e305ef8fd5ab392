"""Pages that stand alone: pictures and sounds inside, light and dark, wide and narrow."""

import base64
import io
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np
import soundfile
from markupsafe import Markup
from matplotlib.figure import Figure

from melgan_vc.audio.pictures import mel_png
from melgan_vc.evaluation.documents import shortened
from melgan_vc.evaluation.labels import no_missing_glyphs
from melgan_vc.files import replacing
from melgan_vc.text import printable

log = logging.getLogger(__name__)
INK = "#0a0b0c"  # of a chart; the page's own colour takes its place
SHORTEST_FLAC = 50_000  # samples; Chromium cannot jump to a place in a FLAC file of a few blocks of 4096
COLOURS = {"source": "#3b82f6", "target": "#f59e0b"}  # to be told apart on white and on black
STYLE: Any = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "axes.edgecolor": INK, "axes.labelcolor": INK,
    "xtick.color": INK, "ytick.color": INK, "text.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.alpha": 0.2, "grid.color": INK, "svg.hashsalt": "melgan_vc", "legend.frameon": False,
}  # fmt: skip


def shown(value: object) -> object:
    """Return a text of a page without what reverses the direction of writing or cannot be seen."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value, keep="\n\t")


TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("melgan_vc.evaluation"),
    autoescape=True,
    finalize=shown,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["capitalise"] = lambda text: text[:1].upper() + text[1:]


def style() -> Any:
    """A context in which charts are drawn."""
    return matplotlib.rc_context(STYLE)


def drawn(draw: Callable[[], Figure], description: str) -> Markup | None:
    """A chart as a part of a page; None, with a warning, where it cannot be drawn: the rest of a page is worth more.

    Args:
        draw: makes the figure; it is called in :func:`style`.
        description: for those who do not see it.
    """
    try:
        with style(), no_missing_glyphs():
            return chart(draw(), description)
    except (OSError, MemoryError):  # of the machine, not of these values
        raise
    except Exception as error:  # of matplotlib and WORLD, by whatever values and names recordings can have
        log.warning("warning: a chart is missing (%s): %s", description, shortened(error))
        return None


def chart(figure: Figure, description: str) -> Markup:
    """A chart that was drawn in :func:`style`, as a part of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    drawing = text[text.index("<svg") :].replace(INK, "currentColor")
    label = Markup.escape(printable(description))
    return Markup(drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


def mel_picture(mel: np.ndarray) -> str:
    """Return a normalised mel (M, T) as the address of a picture, a pixel a bin and frame."""
    return address("image/png", mel_png(mel))


def sound(waveform: np.ndarray, sample_rate: int) -> str:
    """Return a waveform (N,) as the address of a player's sound."""
    form = "FLAC" if len(waveform) >= SHORTEST_FLAC else "WAV"
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, sample_rate, format=form, subtype="PCM_16")
    return address(f"audio/{form.lower()}", buffer.getvalue())


def address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def write(path: Path, template: str, content: Mapping[str, Any]) -> None:
    """Write a page of a template in ``templates/`` in one step."""
    text = TEMPLATES.get_template(template).render(content)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
