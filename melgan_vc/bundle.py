"""The bundle: all that conversion needs in one safetensors file, plain tensors and JSON and no code."""

import copy
import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from melgan_vc.bundle_header import BEST_NAME, FORMAT, NAME, locate, read_header, unreadable
from melgan_vc.config.targets import is_trusted, trust_advice
from melgan_vc.errors import UserError
from melgan_vc.files import replacing
from melgan_vc.nested import jsonable
from melgan_vc.networks.layers import folded_state, settle_spectral_norm
from melgan_vc.spec import AudioSpec, ChunkSpec

__all__ = ["BEST_NAME", "NAME", "Bundle", "build", "load", "locate", "pack"]

NETWORKS = "melgan_vc.networks."


@dataclass(frozen=True)
class Bundle:
    """A trained generator and what it was trained for.

    Attributes:
        generator: in inference mode, spectral norms folded into the kernels.
        arguments: of its class, so that it can be built again.
        audio, chunk: the mels and the chunks it takes.
        provenance: where it comes from, as plain JSON values.
    """

    generator: nn.Module
    arguments: Mapping[str, Any]
    audio: AudioSpec
    chunk: ChunkSpec
    provenance: Mapping[str, Any] = field(default_factory=dict)

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
        about = {
            "format": FORMAT,
            "generator": {"class": f"{kind.__module__}.{kind.__qualname__}", "arguments": dict(self.arguments)},
            "audio": asdict(self.audio),
            "chunk": asdict(self.chunk),
            "provenance": jsonable(self.provenance),
        }
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.generator.state_dict().items()}
        with replacing(path) as temporary:
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
) -> Bundle:
    """A bundle of a generator as it is trained, which stays as it is.

    Args:
        generator: as it is trained, on any device, of a class in ``melgan_vc.networks``.
        arguments: of its class; ``spectral`` is set by this function.
        audio, chunk, provenance: see :class:`Bundle`.
        settle: let the spectral norms' power iterations converge first; False takes them as they stand.
    """
    trained = copy.deepcopy(generator).cpu()
    if settle:
        settle_spectral_norm(trained)
    state = folded_state(trained)
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise UserError("the generator's weights are NaN or infinite: the training diverged; lower optim.generator.lr")
    kind = type(generator)
    plain = dict(arguments)
    if "spectral" in inspect.signature(kind).parameters:
        plain["spectral"] = False
    with torch.random.fork_rng(devices=[]):  # building draws weights, only to replace them
        folded = kind(**plain)
    folded.load_state_dict(state)
    return Bundle(folded.eval(), plain, audio, chunk, provenance)


def load(path: Path, trust: Sequence[str] = ()) -> Bundle:
    """Read a bundle file or a run directory's bundle.

    Args:
        path: of the file or directory.
        trust: packages, besides this one, whose generators may be built.

    Raises:
        UserError: it is missing, no bundle, or its weights do not fit what it says of itself. Nothing of the size that
            it says is allocated before that is known to be the size that it has.
    """
    path = locate(path)
    header = read_header(path)
    about = header.about
    audio, chunk, generator = described(about, path, trust)
    check_shapes(generator, header.shapes, path)
    try:
        with safe_open(path, framework="pt") as file:
            generator.to_empty(device="cpu").load_state_dict({name: file.get_tensor(name) for name in header.shapes})
    except (SafetensorError, OSError) as error:
        raise unreadable(path, error) from error
    return Bundle(generator.eval(), about["generator"]["arguments"], audio, chunk, about.get("provenance", {}))


def described(
    about: Mapping[str, Any], path: Path, trust: Sequence[str] = ()
) -> tuple[AudioSpec, ChunkSpec, nn.Module]:
    """What a bundle says of itself; the generator has no memory yet."""
    try:
        audio, chunk = AudioSpec(**about["audio"]), ChunkSpec(**about["chunk"])
        with torch.device("meta"):
            generator = build(about["generator"]["class"], about["generator"]["arguments"], trust)
        bins = about["generator"]["arguments"].get("n_mels")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: the bundle's description is damaged ({error}); export it again") from error
    if bins != audio.n_mels:
        raise UserError(
            f"{path}: its AudioSpec has {audio.n_mels} mel bins, its generator {bins}; they do not fit: export it again"
        )
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
    except (ImportError, AttributeError) as error:
        raise UserError(f"the generator's class {name!r} is unknown to this version of melgan_vc") from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise UserError(f"{name!r} is not a network")
    return found(**arguments)


def check_shapes(network: nn.Module, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Refuse weights that are not all and only those of a network."""
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name in sorted(wanted.keys() | shapes.keys()):
        if wanted.get(name) != shapes.get(name):
            raise UserError(
                f"{path}: the weights do not fit the generator it names ({name} is {shapes.get(name, 'missing')}, "
                f"{wanted.get(name, 'nothing')} expected); export it again"
            )
