"""Weights in a Keras HDF5 file that a stranger may have written: plain arrays in the file itself, and nothing else.

HDF5 can also send a reader to other files (external links and storage, virtual datasets), load plug-ins that unpack
data, and claim arrays of any size: all of that is refused before anything is read. Its library can also end, or never
end, at a damaged file, and so it reads in a process of its own: ``python -m melgan_vc.networks.keras_file FILE...``.
"""

import io
import math
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from melgan_vc.errors import UserError

if TYPE_CHECKING:
    import h5py

Weights = dict[str, np.ndarray]
MOST_BYTES = 1 << 28  # of all weights of a file
MOST_LAYERS, MOST_WEIGHTS = 64, 16  # of a file, of a layer
LONGEST_NAMES = 1 << 16  # bytes of an attribute with names
PATIENCE = 15  # seconds
MOST_MEMORY = 2 << 30  # of the process that reads
REFUSED = 3  # its exit code for what a user can mend
AGAIN = "save it again from the notebook"
UNPACKED_BY_HDF5 = {1, 2, 3}  # deflate, shuffle, fletcher32; others are plug-ins or of patents


def read_files(paths: Sequence[Path]) -> list[list[Weights]]:
    """Read the layers of each file, see :func:`read_layers`, in a process of its own.

    Raises:
        UserError: a file is missing, damaged, or holds anything else than plain finite numbers.
    """
    package = Path(__file__).resolve().parent.parent.parent
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", __name__, *map(str, paths)]
    environment = os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    named = ", ".join(map(str, paths))
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{named}: one is damaged, for HDF5 does not end reading it; {AGAIN}") from error
    if done.returncode == REFUSED:
        raise UserError(done.stdout.decode(errors="replace"))
    if done.returncode:
        raise UserError(f"{named}: one is damaged, for HDF5 fails at it; {AGAIN}")
    found: list[list[Weights]] = [[] for _ in paths]
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        for key in arrays:
            file, layer, name = key.split("|", 2)
            if int(layer) == len(found[int(file)]):
                found[int(file)].append({})
            found[int(file)][int(layer)][name] = arrays[key]
    return found


def main(paths: Sequence[str]) -> int:
    """Write the layers of files to standard output for :func:`read_files`, or why they were refused."""
    with suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    try:
        files = [read_layers(Path(path)) for path in paths]
    except UserError as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        return REFUSED
    arrays = {
        f"{file}|{layer}|{name}": values
        for file, layers in enumerate(files)
        for layer, weights in enumerate(layers)
        for name, values in weights.items()
    }
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    sys.stdout.buffer.write(out.getvalue())
    return 0


def read_layers(path: Path) -> list[Weights]:
    """Read the layers that have weights, in the file's order.

    Raises:
        UserError: the file is missing, damaged, or holds anything else than plain finite numbers.
    """
    try:
        import h5py
    except ImportError as error:
        raise UserError("reading .h5 weights needs h5py: pip install 'melgan_vc[notebook]'") from error
    if not path.is_file():
        raise UserError(f"{path} is missing: give the folder with the notebook's gen.h5, critic.h5 and siam.h5")
    try:
        with h5py.File(path, "r") as file:
            return layers_of(child(file, "model_weights") if file.id.links.exists(b"model_weights") else file)
    except (AttributeError, KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read as Keras weights ({why:.200}); {AGAIN}") from error


def layers_of(root: "h5py.Group") -> list[Weights]:
    """The layers below a group.

    Raises:
        ValueError: they are not plain, or too large.
    """
    layers: list[Weights] = []
    left = MOST_BYTES
    for layer in names(root, "layer_names", MOST_LAYERS):
        group = child(root, layer)
        weights: Weights = {}
        for name in names(group, "weight_names", MOST_WEIGHTS):
            dataset = child(group, name)
            left -= check_plain(dataset, name)
            if left < 0:
                raise ValueError(f"its weights take more than {MOST_BYTES >> 20} MiB")
            values = np.asarray(dataset[()], np.float32)
            if not np.isfinite(values).all():
                raise ValueError(f"{name!r:.60} holds NaN or infinite values")
            weights[short(name)] = values
        if weights:
            layers.append(weights)
    return layers


def child(group: "h5py.Group", name: str) -> Any:
    """What lies below a group under a path, each step of which is a link inside the file.

    Raises:
        ValueError: a step leads elsewhere.
    """
    import h5py

    found: Any = group
    for part in name.split("/"):
        key = part.encode()
        if not isinstance(found, h5py.Group) or part in ("", ".") or not found.id.links.exists(key):
            raise ValueError(f"{name!r:.60} is not in it")
        if found.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"{name!r:.60} is reached by a link, and not in the file itself")
        found = found[part]
    return found


def names(group: Any, attribute: str, most: int) -> list[str]:
    """An attribute that lists names, which old files store as bytes.

    Raises:
        ValueError: it is none, or too long.
    """
    import h5py

    if not isinstance(group, h5py.Group):
        raise ValueError(f"there is no group with {attribute}")
    stored = group.attrs.get_id(attribute)
    if stored.shape == (0,):  # which Keras stores as numbers
        return []
    text = h5py.check_string_dtype(stored.dtype) is not None
    if not text or len(stored.shape) != 1 or stored.shape[0] > most or stored.get_storage_size() > LONGEST_NAMES:
        raise ValueError(f"{attribute} is no list of up to {most} names")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[attribute]]


def check_plain(dataset: Any, name: str) -> int:
    """Refuse what is no array of floating point numbers that lies in the file; returns its size in bytes.

    Raises:
        ValueError: it is none.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name!r:.60} is no array")
    kind, shape = dataset.dtype, dataset.shape
    if kind.kind != "f" or kind.itemsize > 8:
        raise ValueError(f"{name!r:.60} is of type {kind}, not floating point")
    if shape is None or len(shape) > 4:
        raise ValueError(f"{name!r:.60} has shape {shape}")
    properties = dataset.id.get_create_plist()
    if properties.get_external_count() or properties.get_layout() not in (
        h5py.h5d.CONTIGUOUS,
        h5py.h5d.CHUNKED,
        h5py.h5d.COMPACT,
    ):
        raise ValueError(f"{name!r:.60} is stored in other files")
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if filters - UNPACKED_BY_HDF5:
        raise ValueError(f"{name!r:.60} needs a plug-in to unpack it")
    values, stored = math.prod(shape), dataset.id.get_storage_size()
    chunk = math.prod(dataset.chunks or (0,))
    if max(values, chunk) * 8 > MOST_BYTES:
        raise ValueError(f"{name!r:.60} claims {values} values")
    if not filters and stored < values * kind.itemsize:
        raise ValueError(f"{name!r:.60} claims {values} values and holds {stored} bytes")
    return values * 8  # as they may be while they are converted


def short(name: str) -> str:
    """'conv_sn2d_1/conv_sn2d_1_u:0' -> 'u'; 'dense/kernel:0' -> 'kernel'."""
    last = name.rsplit("/", 1)[-1].split(":")[0]
    return "u" if last.endswith("_u") else last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
