"""What litdata's index of shards may say: only the format that this package writes is read, so no shard runs code.

litdata chooses by its index how pieces are decoded, and some of the ways (pickle, graphs, types named by their module)
run code from the file.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from melgan_vc.data import remote
from melgan_vc.data.manifest import is_count, parse
from melgan_vc.errors import UserError

INDEX = "index.json"
CHUNK_NAME = re.compile(r"chunk-[0-9]{1,6}-[0-9]{1,9}\.bin")
LARGEST_CHUNK = 1_000_000_000  # bytes; ours have 64 MB
DATA_FORMAT = ["numpy"]
LEAF = '{"type": null, "context": null, "children_spec": []}'
DATA_SPEC = f'[1, {{"type": "builtins.dict", "context": "[\\"mel\\"]", "children_spec": [{LEAF}]}}]'
NOTHING = ("compression", "compression_batch_size", "compression_level", "encryption", "ipc_compression", "chunk_size")
CONFIG = {"data_format", "data_spec", "item_loader", "chunk_bytes", "types", *NOTHING}
CHUNK = {"chunk_bytes", "chunk_size", "dim", "filename"}


def read_index(address: str, pieces: int) -> None:
    """Refuse the shards of a role whose index is not one that this package writes.

    Args:
        address: of their folder.
        pieces: that they must hold.

    Raises:
        UserError: the index is missing or another one, or shards in a folder have other sizes.
    """
    try:
        text = remote.text(remote.joined(address, INDEX))
        if text is None:
            raise ValueError("it is missing")
        index = parse(text)
        check_index(index)
        if sum(chunk["chunk_size"] for chunk in index["chunks"]) != pieces:
            raise ValueError(f"it counts other pieces than the {pieces} that the manifest names")
        if not remote.is_remote(address):
            check_files(Path(address), index["chunks"])
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise DamagedShardsError(
            f"{remote.joined(address, INDEX)}: {error}; write the shards again with python -m melgan_vc.prepare "
            "data.store=litdata"
        ) from error


def check_index(index: Any) -> None:
    """Refuse an index of another format.

    Raises:
        ValueError: it is one, or damaged.
    """
    if not isinstance(index, dict) or not index.keys() <= {"chunks", "config", "updated_at"}:
        raise ValueError("is not an index of shards that this program writes")
    config, chunks = index.get("config"), index.get("chunks")
    if not isinstance(config, dict) or not isinstance(chunks, list) or not chunks:
        raise ValueError("is not an index of shards that this program writes")
    wanted = {"data_format": DATA_FORMAT, "data_spec": DATA_SPEC, "item_loader": "PyTreeLoader"}
    for name, value in [*wanted.items(), *((name, None) for name in NOTHING)]:
        if config.get(name) != value:
            raise ValueError(f"its {name} is {str(config.get(name))[:60]!r}, only {str(value)[:60]!r} is read")
    if "compression" not in config or not is_count(config.get("chunk_bytes")):
        raise ValueError("does not say how its shards are packed")
    unknown = config.keys() - CONFIG
    if unknown:
        raise ValueError(f"holds the unknown settings {', '.join(map(str, sorted(unknown)))[:100]}")
    for chunk in chunks:
        check_chunk(chunk)
    if len({chunk["filename"] for chunk in chunks}) < len(chunks):
        raise ValueError("names a shard twice")


def check_chunk(chunk: Any) -> None:
    """Refuse a shard by what an index says of it.

    Raises:
        ValueError: a file outside the folder, or sizes that make no sense.
    """
    if not isinstance(chunk, dict) or chunk.keys() != CHUNK or chunk["dim"] is not None:
        raise ValueError("does not describe its shards as this program does")
    name = chunk["filename"]
    if not isinstance(name, str) or not CHUNK_NAME.fullmatch(name):
        raise ValueError(f"names the shard {str(name)[:60]!r}, chunk-0-0.bin expected")
    size, count = chunk["chunk_bytes"], chunk["chunk_size"]
    if not is_count(size) or not is_count(count) or not 0 < count < size <= LARGEST_CHUNK:
        raise ValueError(f"says that {name} has {str(size)[:20]} bytes and {str(count)[:20]} pieces")


def check_files(folder: Path, chunks: Iterable[dict[str, Any]]) -> None:
    """Refuse shards that are not there or have other sizes than their index says.

    Raises:
        ValueError: one has.
        OSError: one cannot be read.
    """
    for chunk in chunks:
        path = folder / chunk["filename"]
        if not path.is_file():
            raise ValueError(f"names {path.name}, which is not there")
        if path.stat().st_size != chunk["chunk_bytes"]:
            raise ValueError(f"says that {path.name} has {chunk['chunk_bytes']} bytes, it has {path.stat().st_size}")


class DamagedShardsError(UserError):
    """Shards are not what this package writes."""


class CheckedIndexes:
    """litdata's way to load an index, with a check of those that are ours to read.

    What was checked before may be another file by the time that litdata reads it, on a server above all.

    Args:
        load: litdata's function.
    """

    def __init__(self, load: Callable[[str], dict[str, Any]]) -> None:
        self.load = load
        self.folders: set[Path] = set()

    def __call__(self, folder: str) -> dict[str, Any]:
        index = self.load(folder)
        path = Path(folder).absolute()
        if self.folders & {path, *path.parents}:
            try:
                check_index(index)
            except ValueError as error:
                raise UserError(f"{path / INDEX}: {error}; do not use these shards") from error
        return index
