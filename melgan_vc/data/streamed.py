"""A domain's mels as litdata shards: streamed from a folder or an S3-compatible bucket, for what no disk holds."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melgan_vc.config.paths import expand_user
from melgan_vc.data import remote
from melgan_vc.data.assembly import LOCKS
from melgan_vc.data.corpora import Corpus, Recording, corpus_of
from melgan_vc.data.manifest import MANIFEST, Item, item_of, parse_lines, write_lines
from melgan_vc.data.shard_index import INDEX, CheckedIndexes, DamagedShardsError, read_index
from melgan_vc.data.shard_pieces import PIECE, ROLES, checked_piece, explained_reading, piece_counts
from melgan_vc.data.splits import LEAST_HELD_OUT, Segment, Split, split_items
from melgan_vc.data.store import MelStore
from melgan_vc.errors import UserError, explain_os_error
from melgan_vc.files import alone
from melgan_vc.spec import AudioSpec, spec_of
from melgan_vc.terminal import Bar

log = logging.getLogger(__name__)
VERSION = 1
SHARD = "64MB"


@dataclass(frozen=True)
class Streaming:
    """How shards are kept and read.

    Attributes:
        address: folder or s3://BUCKET/PATH that the shards of all domains are in.
        prepared: folder that the mels are prepared in before, and that keeps what comes from s3.
        crops: windows for each item that is read.
        pool: items that windows are drawn from.
        cache_gb: of the disk for what comes from s3.
    """

    address: str = "prepared/litdata"
    prepared: str = "prepared"
    crops: int = 8
    pool: int = 64
    cache_gb: float = 50.0

    def __post_init__(self) -> None:
        if "://" in self.address and not remote.is_remote(self.address):
            raise UserError(f"data.litdata.address is {self.address}: give a folder, or s3://BUCKET/PATH")
        for name in ("crops", "pool"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"data.litdata.{name} is {value!r}: give a whole number above 0")
        if isinstance(self.cache_gb, bool) or not isinstance(self.cache_gb, int | float) or self.cache_gb <= 0:
            raise UserError(f"data.litdata.cache_gb is {self.cache_gb!r}: give a number above 0")


class Written(Corpus):
    """A domain that was written as shards before, where its recordings need not be at hand.

    Args:
        address: of its folder.
    """

    def __init__(self, address: str) -> None:
        self.place = address.rstrip("/")
        self.label = self.place.rpartition("/")[2]

    def recordings(self) -> dict[str, Recording]:
        raise UserError(f"{self.place}: holds shards, not recordings; this command needs the recordings")


def domain_of(given: str | Sequence[str] | Corpus) -> Corpus:
    """A domain as a config names it: a corpus, folders, or the address of its shards."""
    if isinstance(given, str) and (remote.is_remote(given) or (expand_user(given) / ROLES[0] / INDEX).is_file()):
        return Written(given)
    return corpus_of(given)


@dataclass(frozen=True)
class StreamedStore:
    """A domain's mels in shards.

    Attributes:
        address: of its folder.
        content: hash of recordings, settings and how they are divided.
        audio: of the mels.
        items: its recordings; ``offset`` is the number of a recording's first piece in the shards of its role.
        roles: what each is used for.
        streaming: how they are read.
    """

    address: str
    content: str
    audio: AudioSpec
    items: tuple[Item, ...]
    roles: tuple[str, ...]
    streaming: Streaming

    def split(self, window: int, share: float, least: int = LEAST_HELD_OUT) -> Split:
        """Return what the recordings were written for; a share that is asked for now comes too late."""
        long = [(item, role) for item, role in zip(self.items, self.roles, strict=True) if item.frames >= window]
        train, validation = (
            tuple(Segment(item.path, 0, item.offset, item.frames) for item, role in long if role == wanted)
            for wanted in ROLES
        )
        return Split(train, validation, tuple(item.path for item in self.items if item.frames < window), ())

    def start(self, segment: Segment, frames: int) -> np.ndarray:
        """The first frames (T, M) of a held-out recording."""
        pieces = self.reader("validation")
        held: list[np.ndarray] = []
        number = segment.offset
        while sum(map(len, held)) < min(frames, segment.frames):
            held.append(self.piece(pieces, number))
            number += 1
        return np.concatenate(held)[:frames]

    def piece(self, pieces: Any, number: int) -> np.ndarray:
        """Return a piece (T, M) of a reader.

        Raises:
            UserError: it is damaged, or cannot be read.
        """
        with explained_reading(self.address):
            return checked_piece(pieces[number], self.audio.n_mels)

    def reader(self, role: str, seed: int | None = None) -> Any:
        """litdata's reader of the shards of a role; shuffled where a seed is given."""
        kept: dict[str, Any] = {}
        folder = Path(self.address)
        if remote.is_remote(self.address):
            folder = Path(self.streaming.prepared) / ".streamed"
            folder.mkdir(parents=True, exist_ok=True)
            kept = {"cache_dir": str(folder), "max_cache_size": int(self.streaming.cache_gb * 1e9)}
        shuffle = seed is not None
        address = remote.joined(self.address, role)
        streaming = library()
        streaming.config.load_index_file.folders |= {folder.absolute(), folder.resolve()}
        return streaming.StreamingDataset(address, shuffle=shuffle, drop_last=shuffle, seed=(seed or 0) % 2**31, **kept)


def is_written(address: str, streaming: Streaming, audio: AudioSpec) -> bool:
    """Return whether the shards of a domain are there; damaged ones are told, and written again."""
    try:
        if remote.text(remote.joined(address, MANIFEST)) is None:
            return False
        opened(address, streaming, audio)
    except (DamagedShardsError, UnicodeDecodeError) as error:
        log.warning("warning: %s: damaged (%s); the shards are written again", address, error)
        return False
    return True


def write(store: MelStore, streaming: Streaming, share: float, least: int = LEAST_HELD_OUT) -> StreamedStore:
    """Write a prepared domain as shards, unless they are there already.

    Args:
        store: of the domain.
        streaming: where.
        share: of the recordings that are held out.
        least: recordings that are held out; see :func:`melgan_vc.data.splits.split_items`.

    Raises:
        UserError: the address cannot be written.
    """
    identity = json.dumps([VERSION, store.content, share, *([least] if least != 1 else [])])
    content = hashlib.sha256(identity.encode()).hexdigest()
    name = f"{store.folder.name.rpartition('-')[0]}-{content[:16]}"
    address = remote.joined(streaming.address, name)
    root = Path(streaming.prepared)
    with alone(root / LOCKS / name):
        if not is_written(address, streaming, store.audio):
            folder = root / f".{name}.shards"
            shutil.rmtree(folder, ignore_errors=True)
            try:
                write_shards(store, folder, content, share, least)
                remote.put(folder, address, last=MANIFEST)
            except OSError as error:
                raise UserError(f"{explain_os_error(error, address)}; data.litdata.address= names it") from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return opened(address, streaming, store.audio)


def write_shards(store: MelStore, folder: Path, content: str, share: float, least: int) -> None:
    """Write the shards of both roles, and the manifest."""
    split = split_items(store.items, 1, share, least)
    items = {item.path: item for item in store.items}
    lines: list[dict[str, Any]] = []
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        shards, number = library().Cache(str(folder / role), chunk_bytes=SHARD), 0
        segments: Sequence[Segment] = getattr(split, role)
        for segment in Bar(segments, desc=f"writing shards, {role}", unit="recording", delay=1):
            mel = store.arrays[segment.shard][segment.offset : segment.offset + segment.frames]
            lines.append(asdict(items[segment.path]) | {"role": role, "offset": number, "frames": segment.frames})
            for piece in np.array_split(mel, -(-len(mel) // PIECE)):
                shards[number] = {"mel": np.ascontiguousarray(piece)}
                number += 1
        if number:
            shards.done()
            shards.merge()
    head = {"version": VERSION, "content": content, "audio": asdict(store.audio)}
    write_lines(folder / MANIFEST, [head, *lines])


def opened(address: str, streaming: Streaming, audio: AudioSpec) -> StreamedStore:
    """A domain that was written before.

    Raises:
        UserError: nothing is there, or not whole, or its mels are others than the training's.
    """
    place = remote.joined(address, MANIFEST)
    try:
        content = remote.text(place)
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedShardsError(f"{place}: cannot be read ({error}); write the shards again") from error
    if content is None:
        raise UserError(
            f"{address}: holds no {MANIFEST}; write shards there with python -m melgan_vc.prepare data.store=litdata"
        )
    try:
        head, *lines = parse_lines(content.splitlines(keepends=True))
        roles = tuple(line.pop("role") for line in lines)
        items = tuple(item_of(line) for line in lines)
        store = StreamedStore(address, str(head["content"]), spec_of(AudioSpec, head["audio"]), items, roles, streaming)
        counts = piece_counts(items, roles)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedShardsError(
            f"{address}: its {MANIFEST} is damaged ({error}); remove it and write the shards again"
        ) from error
    if store.audio != audio:
        raise UserError(f"{address}: holds mels of {store.audio}, the training wants {audio}; give the same audio")
    for role, count in counts.items():
        if count:
            read_index(remote.joined(address, role), count)
    return store


def library() -> Any:
    """litdata's streaming.

    Raises:
        UserError: it is not installed.
    """
    try:
        from litdata import streaming
        from litdata.streaming import config, downloader
    except ImportError as error:
        raise UserError("data.store=litdata needs litdata: pip install 'melgan_vc[litdata]'") from error
    logging.getLogger("litdata").setLevel(logging.ERROR)  # else it advises caches of over 25 GB
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        downloader._OBSTORE_CLIENT_OPTIONS["allow_http"] = "true"  # for servers in the house, that it refuses else
    if not isinstance(config.load_index_file, CheckedIndexes):
        config.load_index_file = CheckedIndexes(config.load_index_file)
    return streaming
