"""A bundle's mel-to-mel conversion as a file that other runtimes take."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.whole import WholeMel

SUFFIXES = {"onnx": ".onnx", "torchscript": ".pt", "torch_export": ".pt2"}
KEY = "melgan_vc"  # of the metadata
BATCHES = (1, 7)  # that parity is checked with
MOST = 1e-4  # difference that is let pass
DYNAMIC = {0: "batch", 2: "frames"}
Run = Callable[[Tensor], Tensor]


def export(converter: Converter, path: Path, kind: str) -> dict[str, Any]:
    """Write a file that translates mels (B, M, T) in any of the formats in ``SUFFIXES``; returns its metadata.

    It is read back and compared with the converter before it gets its name.

    Raises:
        UserError: an unknown format, another suffix than the format's, or a library that is not installed.
    """
    if kind not in SUFFIXES:
        raise UserError(f"format is {kind!r}: give one of {', '.join(SUFFIXES)}")
    if path.suffix != SUFFIXES[kind]:
        raise UserError(f"{path}: a file of format {kind} ends in {SUFFIXES[kind]}")
    write, read = {
        "onnx": (onnx_written, onnx_read),
        "torchscript": (script_written, script_read),
        "torch_export": (program_written, program_read),
    }[kind]
    bundle = converter.bundle
    about: dict[str, Any] = {
        "format": kind,
        "audio": asdict(bundle.audio),
        "chunk": asdict(bundle.chunk),
        "hop": converter.chunked.hop,
        "inversion": bundle.inversion,
        "provenance": dict(bundle.provenance),
    }
    if bundle.pitch is not None:  # of the waveform, before its mel is made
        about["pitch"] = asdict(bundle.pitch)
    example = torch.rand(2, bundle.audio.n_mels, 3 * bundle.chunk.width)
    with replacing(path) as temporary, quietly():
        save = write(converter, example)
        save(temporary, json.dumps(about))
        about["parity"] = parity(converter, read(temporary))
        save(temporary, json.dumps(about))
    return about


def parity(converter: Converter, run: Run) -> dict[str, float]:
    """Largest difference from the converter, by the shape (B, T) of the mels.

    Raises:
        UserError: one is too large.
    """
    width, bins = converter.bundle.chunk.width, converter.bundle.audio.n_mels
    found = {}
    random = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        for frames in (1, width, width + 1, 1000):
            mels = 2 * torch.rand(batch, bins, frames, generator=random) - 1
            wanted = torch.stack([converter.convert(mel) for mel in mels])
            found[f"{batch}x{frames}"] = float((run(mels) - wanted).abs().max())
    worst = max(found, key=lambda shape: found[shape])
    if found[worst] > MOST:
        raise UserError(
            f"not written: what was exported differs by {found[worst]:.2g} for mels of {worst}, more than {MOST:g}"
        )
    return found


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the exporters say of their work: parity is checked."""
    logging.getLogger("onnxscript").setLevel(logging.WARNING)
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def onnx_written(converter: Converter, example: Tensor) -> Callable[[Path, str], None]:
    try:
        import onnxruntime  # noqa: F401  now, not after the work
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"format=onnx needs {error.name}: pip install 'melgan_vc[export]'") from error
    program = torch.onnx.export(
        WholeMel(converter).eval(), (example,), dynamo=True, dynamic_shapes=(DYNAMIC,), input_names=["mel"],
        output_names=["converted"], verbose=False,
    )  # fmt: skip
    assert program is not None

    def save(path: Path, about: str) -> None:
        program.model.metadata_props[KEY] = about
        program.save(path, external_data=False)

    return save


def onnx_read(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda mels: torch.from_numpy(np.asarray(session.run(None, {"mel": mels.numpy()})[0]))


def script_written(converter: Converter, example: Tensor) -> Callable[[Path, str], None]:
    traced = torch.jit.trace(WholeMel(converter).eval(), (example,), check_trace=False)
    return lambda path, about: torch.jit.save(traced, str(path), _extra_files={f"{KEY}.json": about.encode()})


def script_read(path: Path) -> Run:
    return torch.jit.load(io.BytesIO(path.read_bytes()))


def program_written(converter: Converter, example: Tensor) -> Callable[[Path, str], None]:
    dynamic = torch.export.Dim.DYNAMIC
    sizes = torch.fx.experimental._config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with sizes:  # or a batch of 1 would be another program
        program = torch.export.export(
            WholeMel(converter, spare=1).eval(), (example,), dynamic_shapes=({0: dynamic, 2: dynamic},)
        )

    def save(path: Path, about: str) -> None:
        with path.open("wb") as file:
            torch.export.save(program, file, extra_files={f"{KEY}.json": about})

    return save


def program_read(path: Path) -> Run:
    with path.open("rb") as file:
        return torch.export.load(file).module()
