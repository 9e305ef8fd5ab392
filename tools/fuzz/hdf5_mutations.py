"""Small, random changes of the structure of HDF5 files."""

import io
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np

from tools.fuzz.text_mutations import ODD_VALUES

TYPES = ("f2", "f8", ">f4", "i1", "u8", "c8", "S4", "?")
CLAIMED = ((10**9,), (2**31, 2**31), (1,) * 32, (2**62,))
NAMES = ("", ".", "..", "../x", "nowhere", "/", "é", "x" * 5000)
FILTERS: tuple[dict[str, Any], ...] = (
    {"compression": "gzip"}, {"compression": "lzf"}, {"scaleoffset": 2}, {"fletcher32": True}, {"shuffle": True},
)  # fmt: skip


def mutate_hdf5(content: bytes, random: Random) -> bytes:
    """Return a changed HDF5 file; the content must be one that HDF5 can read, for it may crash at others."""
    data = io.BytesIO(content)
    with h5py.File(data, "r+") as file:
        paths: list[str] = []
        file.visit(paths.append)
        if random.random() < 0.2:
            change_attribute(file[random.choice([path for path in paths if len(file[path].attrs)])], random)
        else:
            array = file[random.choice([path for path in paths if isinstance(file[path], h5py.Dataset)])]
            random.choice(CHANGES)(array, random)
    return data.getvalue()


def change_attribute(node: Any, random: Random) -> None:
    """Change an attribute of a group, above all the lists of names that Keras reads first."""
    key = random.choice(list(node.attrs))
    before = node.attrs[key]
    del node.attrs[key]
    if not isinstance(before, np.ndarray) or random.random() < 0.5:
        node.attrs[key] = random.choice((*ODD_VALUES, np.arange(5), h5py.Empty("f4"), ["x"] * 2000))
    elif len(before):
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in before]
        names[random.randrange(len(names))] = random.choice((*NAMES, *names))
        node.attrs[key] = names


def replaced(array: Any, **settings: Any) -> None:
    """Make another dataset in the place of one."""
    folder, name = array.parent, array.name.rpartition("/")[2]
    del folder[name]
    folder.create_dataset(name, **settings)


def change_type(array: Any, random: Random) -> None:
    replaced(array, data=array[()].astype(random.choice(TYPES)))


def change_shape(array: Any, random: Random) -> None:
    values = array[()]
    shapes = (values.ravel(), values[None], values.T, values[:0], values.ravel()[0], np.concatenate([values] * 2))
    replaced(array, data=random.choice((*shapes, h5py.Empty("f4"))))


def change_values(array: Any, random: Random) -> None:
    values = array[()]
    values.flat[random.randrange(values.size)] = random.choice((np.nan, np.inf, -np.inf, 3e38))
    array[...] = values


def claim_size(array: Any, random: Random) -> None:
    replaced(array, shape=random.choice(CLAIMED), dtype="f4", **random.choice(({}, {"compression": "gzip"})))


def store_otherwise(array: Any, random: Random) -> None:
    values = array[()]
    if random.random() < 0.7:
        replaced(array, data=values, **random.choice(FILTERS))
        return
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[...] = h5py.VirtualSource(random.choice(("../outside.txt", "critic.h5", ".")), array.name, values.shape)
    folder, name = array.parent, array.name.rpartition("/")[2]
    del folder[name]
    folder.create_virtual_dataset(name, layout)


def link(array: Any, random: Random) -> None:
    folder, name, path = array.parent, array.name.rpartition("/")[2], array.name
    targets = (
        h5py.SoftLink("nowhere"), h5py.SoftLink(path), h5py.SoftLink("/"), h5py.ExternalLink("../outside.txt", "/x"),
        h5py.ExternalLink("critic.h5", path), h5py.ExternalLink("/dev/zero", "/x"), array.file, folder,
    )  # fmt: skip
    del folder[name]
    folder[name] = random.choice(targets)


def replace_by_group(array: Any, random: Random) -> None:
    folder, name = array.parent, array.name.rpartition("/")[2]
    del folder[name]
    if random.random() < 0.5:
        folder.create_group(name)


CHANGES: tuple[Callable[[Any, Random], None], ...] = (
    change_type, change_shape, change_values, claim_size, store_otherwise, link, replace_by_group,
)  # fmt: skip
