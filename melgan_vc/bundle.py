"""The bundle: all that conversion needs in one safetensors file, plain tensors and JSON and no code."""

import copy
import importlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save
from torch import Tensor, nn

from melgan_vc.bundle_header import (
    BEST_NAME,
    BYTES,
    FORMAT,
    LARGEST_WEIGHTS,
    NAME,
    PITCH_FORMAT,
    Entry,
    locate,
    opened,
    unreadable,
)
from melgan_vc.config.targets import is_trusted, trust_advice
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.nested import jsonable
from melgan_vc.networks.layers import folded_state, settle_spectral_norm
from melgan_vc.spec import AudioSpec, ChunkSpec, PitchSpec, shortened, spec_of

__all__ = ["BEST_NAME", "NAME", "Bundle", "build", "load", "locate", "pack"]

NETWORKS = "melgan_vc.networks."
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
SIMPLE = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}  # types that an annotation lets pass
PIECE = 1 << 20  # values that are read at once
MOST_CHUNK_CELLS = 1 << 21  # values of one chunk


@dataclass(frozen=True)
class Bundle:
    """A trained generator and what it was trained for.

    Attributes:
        generator: in inference mode, spectral norms folded into the kernels.
        arguments: of its class, so that it can be built again.
        audio, chunk: the mels and the chunks it takes.
        provenance: where it comes from, as plain JSON values.
        inversion: the way back to sound that it was trained for: a name and numbers, such as ``{"name": "filter",
            "bins": 13}``; None for Griffin-Lim.
        pitch: the voices that it was trained with, by which a source is moved before its mel is made; None where it is
            not moved.
    """

    generator: nn.Module
    arguments: Mapping[str, Any]
    audio: AudioSpec
    chunk: ChunkSpec
    provenance: Mapping[str, Any] = field(default_factory=dict)
    inversion: Mapping[str, Any] | None = None
    pitch: PitchSpec | None = None

    def check_audio(self, audio: AudioSpec) -> None:
        """Refuse to be used with another front end than the one it was trained with."""
        differing = [
            f"{name} {value} (bundle {asdict(self.audio)[name]})"
            for name, value in asdict(audio).items()
            if value != asdict(self.audio)[name]
        ]
        if differing:
            raise UserError(
                f"this AudioSpec does not fit the bundle: {', '.join(differing)}; leave audio= out to use the bundle's"
            )

    def save(self, path: Path) -> None:
        """Write the bundle under its final name in one step."""
        kind = type(self.generator)
        about: dict[str, Any] = {
            "format": FORMAT if self.pitch is None else PITCH_FORMAT,
            "generator": {"class": f"{kind.__module__}.{kind.__qualname__}", "arguments": dict(self.arguments)},
            "audio": asdict(self.audio),
            "chunk": asdict(self.chunk),
            "provenance": jsonable(self.provenance),
            **({} if self.inversion is None else {"inversion": dict(self.inversion)}),
        }
        if self.pitch is not None:
            about["pitch"] = asdict(self.pitch)
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.generator.state_dict().items()}
        with replacing(path, durable=True) as temporary:
            # Not save_file: it makes the file readable for its owner alone. And one entry of metadata, for the order
            # of several changes from process to process.
            temporary.write_bytes(save(tensors, metadata={"about": json.dumps(about)}))


def pack(
    generator: nn.Module,
    arguments: Mapping[str, Any],
    audio: AudioSpec,
    chunk: ChunkSpec,
    provenance: Mapping[str, Any],
    settle: bool = True,
    inversion: Mapping[str, Any] | None = None,
    pitch: PitchSpec | None = None,
) -> Bundle:
    """A bundle of a generator as it is trained, which stays as it is.

    Args:
        generator: as it is trained, on any device, of a class in ``melgan_vc.networks``.
        arguments: of its class; ``spectral`` is set by this function.
        audio, chunk, provenance, pitch: see :class:`Bundle`.
        settle: let the spectral norms' power iterations converge first; False takes them as they stand.
        inversion: see :class:`Bundle`.
    """
    trained = copy.deepcopy(generator).cpu()
    if settle:
        settle_spectral_norm(trained)
    state = folded_state(trained)
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise UserError("the generator's weights are NaN or infinite: the training diverged; lower optim.generator.lr")
    check_holdable(state)
    kind = type(generator)
    plain = dict(arguments)
    if "spectral" in inspect.signature(kind).parameters:
        plain["spectral"] = False
    with torch.random.fork_rng(devices=[]):  # building draws weights, only to replace them
        folded = kind(**plain)
    folded.load_state_dict(state)
    return Bundle(folded.eval(), plain, audio, chunk, provenance, inversion, pitch)


def check_holdable(state: Mapping[str, Tensor]) -> None:
    """Refuse weights that could be written, but would not be read again."""
    odd = [f"{name} is of type {value.dtype}" for name, value in state.items() if value.dtype not in TYPES.values()]
    if odd:
        raise UserError(f"networks.generator: {odd[0]}, which no bundle holds; give it real numbers")
    size = sum(value.numel() * value.element_size() for value in state.values())
    if size > LARGEST_WEIGHTS:
        raise UserError(
            f"networks.generator: its weights take {size >> 20} MiB, and a bundle holds {LARGEST_WEIGHTS >> 20}; "
            "make it smaller"
        )


def load(path: Path, trust: Sequence[str] = ()) -> Bundle:
    """Read a bundle file or a run directory's bundle.

    Args:
        path: of the file or directory.
        trust: packages, besides this one, whose generators may be built.

    Raises:
        UserError: it is missing, no bundle, or its weights are not finite or not those of the generator that it names.
            Nothing of the size that it says is allocated before that is known to be the size that it has.
    """
    path = locate(path)
    with opened(path) as (file, header):
        about = header.about
        audio, chunk, generator = described(about, path, trust)
        inversion, pitch = about.get("inversion"), pitch_of(about, path)
        check_entries(generator, header.entries, path)
        if any(buffer.is_meta for buffer in unsaved_buffers(generator)):
            with torch.random.fork_rng(devices=[]):  # building draws weights, only to replace them
                generator = build(about["generator"]["class"], about["generator"]["arguments"], trust)
        wanted = generator.state_dict()
        state = {name: read(file, name, entry, wanted[name], path) for name, entry in header.entries.items()}
    generator.load_state_dict(state, assign=True)
    check_translates(generator.eval(), audio, chunk, path)
    return Bundle(generator, about["generator"]["arguments"], audio, chunk, about["provenance"], inversion, pitch)


def pitch_of(about: Mapping[str, Any], path: Path) -> PitchSpec | None:
    """Return the voices that a bundle names; None where it names none.

    Raises:
        UserError: they cannot be voices.
    """
    if "pitch" not in about:
        return None
    try:
        return spec_of(PitchSpec, about["pitch"])
    except UserError as error:
        raise UserError(f"{path}: {error}; export it again") from error


def described(
    about: Mapping[str, Any], path: Path, trust: Sequence[str] = ()
) -> tuple[AudioSpec, ChunkSpec, nn.Module]:
    """Return what a bundle says of itself; the generator has no memory yet."""
    try:
        audio, chunk = spec_of(AudioSpec, about.get("audio")), spec_of(ChunkSpec, about.get("chunk"))
    except UserError as error:
        raise UserError(f"{path}: {error}; export it again") from error
    try:
        if about["generator"]["arguments"].get("spectral"):
            raise ValueError("spectral norms are not folded into its kernels")
        with torch.device("meta"):
            generator = build(about["generator"]["class"], about["generator"]["arguments"], trust)
        bins = about["generator"]["arguments"].get("n_mels")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (ArithmeticError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise UserError(f"{path}: the bundle's description is damaged ({why:.200}); export it again") from error
    if bins != audio.n_mels:
        raise UserError(
            f"{path}: its AudioSpec has {audio.n_mels} mel bins, its generator {bins}; they do not fit: export it again"
        )
    if audio.n_mels * chunk.width > MOST_CHUNK_CELLS:
        raise UserError(f"{path}: chunks of {audio.n_mels} x {chunk.width} are larger than any sound needs")
    return audio, chunk, generator


def build(name: str, arguments: Mapping[str, Any], trust: Sequence[str] = ()) -> nn.Module:
    """Build a network by its class path; a path of no trusted package is refused, for a file must not choose code.

    Args:
        name: dotted path of the class.
        arguments: of the class.
        trust: packages, besides this one, whose networks may be built.
    """
    module, _, kind = name.rpartition(".")
    if not (name.startswith(NETWORKS) or is_trusted(name, trust)) or not kind.isidentifier():
        raise UserError(f"the generator's class is {name!r}, not one of {NETWORKS}*; {trust_advice(name)}")
    try:
        found = getattr(importlib.import_module(module), kind)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"the generator's class {name!r} is unknown to this version of melgan_vc") from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise UserError(f"{name!r} is not a network")
    check_arguments(found, arguments)
    return found(**arguments)


def check_arguments(kind: type, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of another type than the class says it takes, which Python itself would let pass.

    Raises:
        TypeError: one is.
    """
    for name, parameter in inspect.signature(kind).parameters.items():
        said = parameter.annotation
        wanted = SIMPLE.get(said if isinstance(said, str) else getattr(said, "__name__", ""))
        if wanted and name in arguments and type(arguments[name]) not in wanted:
            raise TypeError(f"{name} is {shortened(arguments[name])}, not of type {wanted[-1].__name__}")


def check_entries(network: nn.Module, entries: Mapping[str, Entry], path: Path) -> None:
    """Refuse weights that are not all and only those of a network, or of another kind of number."""
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | entries.keys()):
        shape = tuple(wanted[name].shape) if name in wanted else "nothing"
        found = entries[name].shape if name in entries else "missing"
        if found != shape:
            raise UserError(
                f"{path}: the weights do not fit the generator it names ({name:.60} is {found}, {shape} expected); "
                "export it again"
            )
        there, type_ = TYPES[entries[name].dtype], wanted[name].dtype
        if there != type_ and not (there.is_floating_point and type_.is_floating_point):
            raise UserError(
                f"{path}: the weights do not fit the generator it names ({name:.60} is of type {entries[name].dtype}, "
                f"{type_} expected); export it again"
            )


def read(file: BinaryIO, name: str, entry: Entry, wanted: Tensor, path: Path) -> Tensor:
    """Read one tensor, piece by piece, in the type of ``wanted``; refuses what is not finite."""
    found = torch.empty(entry.shape, dtype=wanted.dtype)
    values = found.view(-1)
    file.seek(entry.start)
    for place in range(0, len(values), PIECE):
        piece = values[place : place + PIECE]
        data = file.read(len(piece) * BYTES[entry.dtype])
        if len(data) < len(piece) * BYTES[entry.dtype]:
            raise unreadable(path, "it became shorter while it was read")
        piece.copy_(torch.frombuffer(bytearray(data), dtype=TYPES[entry.dtype]))
        if not torch.isfinite(piece).all():
            raise UserError(f"{path}: its weights are NaN or infinite ({name:.60}); export or copy it again")
    return found


def unsaved_buffers(network: nn.Module) -> Iterator[Tensor]:
    """Yield the buffers that no state dict holds: a class may compute them when it is built."""
    saved = network.state_dict().keys()
    return (buffer for name, buffer in network.named_buffers() if name not in saved)


@torch.no_grad()
def check_translates(generator: nn.Module, audio: AudioSpec, chunk: ChunkSpec, path: Path) -> None:
    """Refuse a network that does not turn chunks into chunks of numbers; its weights alone do not tell."""
    silence = torch.full((1, audio.n_mels, chunk.width), -1.0)
    try:
        translated = generator(silence)
        problem = None if translated.shape == silence.shape else f"gives {tuple(translated.shape)}"
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:  # of layers
        problem = f"fails ({str(error).partition(chr(10))[0]:.200})"
    if problem is None and not torch.isfinite(translated).all():
        problem = "gives NaN or infinite values"
    if problem is not None:
        raise UserError(f"{path}: its generator {problem} for a chunk of {tuple(silence.shape)}; export it again")
