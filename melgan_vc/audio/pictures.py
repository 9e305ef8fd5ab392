"""Mels as pictures, all on one scale."""

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from melgan_vc.files import replacing
from melgan_vc.spec import AudioSpec

matplotlib.use("Agg")


def mel_figure(mels: Mapping[str, np.ndarray], audio: AudioSpec, title: str = "") -> Figure:
    """Normalised mels (M, T) by name, one under the other; seconds, and dB under the top of the mels' range."""
    longest = max(mel.shape[1] for mel in mels.values())
    height = 1 + 2.2 * len(mels)
    figure = Figure(figsize=(9, height))
    # Margins in inches, for a layout that matplotlib finds by itself takes longer than all the drawing.
    edges = {"left": 0.7 / 9, "right": 8 / 9, "bottom": 0.55 / height, "top": 1 - (0.7 if title else 0.35) / height}
    axes = figure.subplots(len(mels), 1, sharex=True, squeeze=False, gridspec_kw={**edges, "hspace": 0.25})[:, 0]
    for axis, (name, mel) in zip(axes, mels.items(), strict=True):
        level = (mel - 1) / 2 * audio.range_db
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-audio.range_db,
            vmax=0,
            extent=(0, audio.seconds(mel.shape[1]), 0, mel.shape[0]),
        )
        axis.set(title=name, ylabel="mel bin", xlim=(0, audio.seconds(longest)))
    axes[-1].set_xlabel("seconds")
    bar = figure.add_axes((8.15 / 9, edges["bottom"], 0.15 / 9, edges["top"] - edges["bottom"]))
    figure.colorbar(image, cax=bar, label="dB")
    if title:
        figure.suptitle(title)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture as PNG under its final name in one step."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80)


def mel_png(mel: np.ndarray) -> bytes:
    """Return a normalised mel (M, T) as PNG, a pixel a bin and frame."""
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, mel, vmin=-1, vmax=1, cmap="magma", origin="lower", format="png")
    return buffer.getvalue()


def save_mel(mel: np.ndarray, path: Path) -> None:
    """Write a normalised mel (M, T) as PNG, a pixel a bin and frame, under its final name in one step."""
    with replacing(path) as temporary:
        temporary.write_bytes(mel_png(mel))
