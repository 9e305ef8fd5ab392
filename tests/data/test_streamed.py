"""Mels that are streamed from litdata shards: in a folder, and from an S3-compatible server on this machine."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from melgan_vc.data import streamed
from melgan_vc.data.manifest import Item
from melgan_vc.data.pool import PooledWindows
from melgan_vc.data.store import MelStore
from melgan_vc.data.streamed import StreamedStore, Streaming
from melgan_vc.errors import UserError
from tests.commands import run_command
from tests.conftest import ROOT, TINY_AUDIO, assert_one_line, tiny_training

WINDOW = 24


def numbered_store(folder: Path, recordings: int = 30, frames: int = 300) -> MelStore:
    """Recordings whose frames hold their place in the store, and so tell where a window is from."""
    place = np.arange(recordings * frames, dtype=np.float32)[:, None].repeat(TINY_AUDIO.n_mels, axis=1)
    array = (place / 10000).astype(np.float16)
    items = tuple(
        Item(f"{n:02d}", None, None, 0, f"{n}", 0, n * frames, frames, 4.8, 0, 0, 0.5, -20, 1)
        for n in range(recordings)
    )
    return MelStore(folder / "numbered-1", "content", TINY_AUDIO, items, {}, [array])  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StreamedStore:
    monkeypatch.setattr(streamed, "SHARD", "100KB")  # several
    streaming = Streaming(str(tmp_path / "shards"), str(tmp_path), crops=4, pool=6)
    return streamed.write(numbered_store(tmp_path), streaming, 0.2)


def windows(store: StreamedStore, seed: int = 5) -> PooledWindows:
    return PooledWindows(store.reader("train", seed), WINDOW, store.streaming, seed, 0, TINY_AUDIO.n_mels)


def take(store: StreamedStore, first: int, count: int, part: int = 0, parts: int = 1) -> list[torch.Tensor]:
    return list(itertools.islice(windows(store).batches(first, 8, part, parts), count))


def test_batches_from_any_place_on_are_those_of_an_uninterrupted_stream(written: StreamedStore) -> None:
    everything = take(written, 0, 40)  # several epochs of the pieces
    for first in (1, 7, 23):
        for one, other in zip(everything[first:], take(written, first, 40 - first), strict=True):
            assert torch.equal(one, other)


def test_windows_are_whole_pieces_of_training_recordings_and_differ(written: StreamedStore) -> None:
    split = written.split(WINDOW, 0.2)
    held_out = {segment.path for segment in split.validation}
    assert len(split.train) + len(held_out) == 30 and held_out
    starts = [float(window[0, 0]) for batch in take(written, 0, 40) for window in batch]
    steps = torch.cat(take(written, 0, 40))[:, :, 0].float().diff(dim=1)
    assert (steps >= 0).all() and (steps < 0.02).all()  # float16 steps of neighbouring frames: nothing was joined
    recordings = {f"{int(start * 10000 / 300 + 1e-3):02d}" for start in starts}
    assert recordings.isdisjoint(held_out - {"00"}) and len(recordings) > 15
    assert len(set(starts)) > 0.5 * len(starts)


def test_processes_draw_other_windows(written: StreamedStore) -> None:
    one, other = (take(written, 0, 1, part, 2)[0] for part in (0, 1))
    assert not torch.equal(one, other)


def test_held_out_recordings_are_read_from_their_start(written: StreamedStore, tmp_path: Path) -> None:
    store = numbered_store(tmp_path)
    wanted = {segment.path: segment for segment in store.split(1, 0.2).validation}
    for segment in written.split(WINDOW, 0.2).validation:
        assert np.array_equal(written.start(segment, 50), store.start(wanted[segment.path], 50))
        assert len(written.start(segment, 10**6)) == 300


def test_long_recordings_are_cut_and_joined_again(tmp_path: Path) -> None:
    store = numbered_store(tmp_path, recordings=2, frames=5000)
    made = streamed.write(store, Streaming(str(tmp_path / "shards"), str(tmp_path)), 0.5)
    (segment,) = made.split(WINDOW, 0.5).validation
    (wanted,) = store.split(1, 0.5).validation
    assert np.array_equal(made.start(segment, 4000), store.start(wanted, 4000))


def test_what_is_written_is_found_again_and_another_share_is_written_anew(tmp_path: Path) -> None:
    streaming = Streaming(str(tmp_path / "shards"), str(tmp_path))
    first = streamed.write(numbered_store(tmp_path), streaming, 0.2)
    stamp = (Path(first.address) / "manifest.jsonl").stat().st_mtime_ns
    again = streamed.write(numbered_store(tmp_path), streaming, 0.2)
    assert again == first and (Path(first.address) / "manifest.jsonl").stat().st_mtime_ns == stamp
    assert streamed.write(numbered_store(tmp_path), streaming, 0.3).address != first.address


def test_a_damaged_or_missing_store_is_refused(written: StreamedStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no manifest.jsonl"):
        streamed.opened(str(tmp_path / "nothing"), written.streaming, TINY_AUDIO)
    manifest = Path(written.address) / "manifest.jsonl"
    manifest.write_text(manifest.read_text()[:-40])
    with pytest.raises(UserError, match="is damaged"):
        streamed.opened(written.address, written.streaming, TINY_AUDIO)


def test_shards_that_are_lost_are_told(written: StreamedStore) -> None:
    pieces = windows(written)
    for path in (Path(written.address) / "train").glob("*.bin"):
        path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        next(pieces.batches(0, 8, 0, 1))


class Spy:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_shards_of_pickles_run_nothing(written: StreamedStore, tmp_path: Path) -> None:
    """By the index that litdata itself writes for them, with and without our check before it reads it."""
    role, trace = Path(written.address) / "train", tmp_path / "trace"
    shutil.rmtree(role)
    role.mkdir()
    cache = streamed.library().Cache(str(role), chunk_bytes="1MB")
    for number in range(24):
        cache[number] = {"mel": Spy(trace)}
    cache.done()
    cache.merge()
    assert "pickle" in (role / "index.json").read_text()
    with pytest.raises(UserError, match=r"train/index.json: its data_format is .*pickle"):
        streamed.opened(written.address, written.streaming, TINY_AUDIO)
    with pytest.raises(UserError, match="data_format is"):
        next(windows(written).batches(0, 8, 0, 1))
    assert not trace.exists()


def test_an_index_that_changes_after_the_check_is_refused(written: StreamedStore) -> None:
    again = streamed.opened(written.address, written.streaming, TINY_AUDIO)
    spec = {"type": "collections.defaultdict", "children_spec": [], "context": json.dumps(
        {"default_factory_module": "this", "default_factory_name": "s", "dict_context": []})}  # fmt: skip
    edit(written, lambda index: index["config"].update(data_spec=json.dumps([1, spec])))
    with pytest.raises(UserError, match="data_spec"):
        windows(again)
    assert "this" not in sys.modules


def edit(store: StreamedStore, change: Callable[[dict[str, Any]], object]) -> None:
    path = Path(store.address) / "train" / "index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda index: index["config"].update(data_format=["graph:pickle"]), "data_format"),
        (lambda index: index["config"].update(data_format=["numpy", "numpy"]), "data_format"),
        (lambda index: index["config"].update(item_loader="ParquetLoader"), "item_loader"),
        (lambda index: index["config"].update(compression="zstd"), "compression"),
        (lambda index: index["config"].update(encryption={"algorithm": "fernet"}), "encryption"),
        (lambda index: index["config"].update(format="mds"), "unknown settings format"),
        (lambda index: index["config"].pop("compression"), "does not say how its shards are packed"),
        (lambda index: index["config"].update(chunk_bytes="x"), "does not say how its shards are packed"),
        (lambda index: index.update(shards=[]), "is not an index"),
        (lambda index: index["chunks"].clear(), "is not an index"),
        (lambda index: index["chunks"][0].update(filename="../chunk-0-0.bin"), "names the shard"),
        (lambda index: index["chunks"][0].update(filename="/etc/passwd"), "names the shard"),
        (lambda index: index["chunks"][0].update(filename="chunk-0-1.bin"), "twice"),
        (lambda index: index["chunks"][0].update(filename="chunk-9-9.bin"), "not there"),
        (lambda index: index["chunks"][0].update(chunk_bytes=10**12), "bytes"),
        (lambda index: index["chunks"][0].update(chunk_bytes=100), "has 100 bytes, it has"),
        (lambda index: index["chunks"][0].update(chunk_size=-1), "pieces"),
        (lambda index: index["chunks"][0].update(chunk_size=7), "counts other pieces"),
        (lambda index: index["chunks"][0].update(dim=3), "does not describe"),
        (lambda index: index["chunks"].append(5), "does not describe"),
        (lambda index: index.update(chunks=5), "is not an index"),
    ],
)
def test_an_index_of_another_kind_is_refused(written: StreamedStore, change, words: str) -> None:
    edit(written, change)
    with pytest.raises(UserError, match=words):
        streamed.opened(written.address, written.streaming, TINY_AUDIO)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{}", "[]", "null", '{"chunks": NaN}', "\x00"])
@pytest.mark.parametrize("name", ["train/index.json", "manifest.jsonl"])
def test_a_damaged_index_or_manifest_is_one_line(written: StreamedStore, name: str, text: str) -> None:
    (Path(written.address) / name).write_text(text)
    with pytest.raises(UserError, match="write"):
        streamed.opened(written.address, written.streaming, TINY_AUDIO)


@pytest.mark.parametrize("name", ["manifest.jsonl", "train/index.json", "train/chunk-0-0.bin"])
def test_damaged_shards_are_written_again_where_their_mels_are_at_hand(tmp_path: Path, name: str, caplog) -> None:
    streaming = Streaming(str(tmp_path / "shards"), str(tmp_path), crops=4, pool=6)
    made = streamed.write(numbered_store(tmp_path), streaming, 0.2)
    expected = take(made, 0, 1)
    (Path(made.address) / name).write_bytes(b"\xff")
    again = streamed.write(numbered_store(tmp_path), streaming, 0.2)
    assert torch.equal(take(again, 0, 1)[0], expected[0])
    assert "the shards are written again" in caplog.text


def test_damaged_pieces_are_one_line(written: StreamedStore) -> None:
    for path in (Path(written.address) / "train").glob("*.bin"):
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        data[60:] = 0xFF
        path.write_bytes(data.tobytes())
    with pytest.raises(UserError, match=r"cannot be read \("):
        next(windows(written).batches(0, 8, 0, 1))


def test_other_servers_than_s3_are_refused() -> None:
    with pytest.raises(UserError, match=r"data.litdata.address is gs://b/p: give a folder, or s3://BUCKET/PATH"):
        Streaming("gs://b/p")


def test_more_processes_than_pieces_are_refused(written: StreamedStore) -> None:
    pieces = written.reader("train", 0)
    pieces.distributed_env.world_size = 10**4
    with pytest.raises(UserError, match="fewer pieces than there are processes"):
        PooledWindows(pieces, WINDOW, written.streaming, 0, 0, TINY_AUDIO.n_mels)


def test_short_pieces_alone_are_refused(written: StreamedStore) -> None:
    long = PooledWindows(written.reader("train", 0), 400, written.streaming, 0, 0, TINY_AUDIO.n_mels)
    with pytest.raises(UserError, match="none is as long as a window"):
        next(long.batches(0, 8, 0, 1))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3-compatible server on this machine, and the environment that names it."""
    script = (
        "import boto3, sys, time\n"
        "from moto.server import ThreadedMotoServer\n"
        "server = ThreadedMotoServer('127.0.0.1', 0); server.start()\n"
        "host, port = server.get_host_and_port()\n"
        "url = f'http://127.0.0.1:{port}'\n"
        "keys = {'aws_access_key_id': 'a', 'aws_secret_access_key': 'b', 'region_name': 'us-east-1'}\n"
        "boto3.client('s3', endpoint_url=url, **keys).create_bucket(Bucket='voices')\n"
        "print('URL', url, flush=True)\n"
        "time.sleep(600)\n"
    )
    folder = tmp_path_factory.mktemp("server")
    child = subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert child.stdout is not None
        url = next(line.split()[1] for line in child.stdout if line.startswith("URL"))
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        yield {"AWS_ENDPOINT_URL": url, **keys}
    finally:
        child.kill()
        child.wait()


def test_training_from_a_server_is_killed_and_goes_on_where_it_was(
    two_domains: tuple[Path, Path], tmp_path: Path, server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in server.items():
        monkeypatch.setenv(key, value)
    common = [
        "data.validation_share=0.3", "data.litdata.address=s3://voices/corpus",
        f"data.litdata.prepared={tmp_path / 'p'}", "data.litdata.pool=2", "data.litdata.crops=2",
        "trainer.max_batches=24", "checkpoint.every_batches=4", "logger=csv", "optim.log_every=1",
    ]  # fmt: skip
    command = [
        one for one in tiny_training(two_domains, tmp_path, *common, "data.store=litdata") if "prepared'" not in one
    ]
    whole = run_command("train", *command, "resume=null", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    killed = [one.replace(str(tmp_path / "run"), str(tmp_path / "killed")) for one in command]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    child = subprocess.Popen(
        [sys.executable, "-m", "melgan_vc.train", *killed], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
    )
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    while not checkpoint.is_file() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = run_command("train", *killed, "resume=auto", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "going on after batch" in done.stderr
    one, other = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True) for name in ("run", "killed")
    )
    assert one["batch_count"] == other["batch_count"] == 24
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


def test_a_server_that_is_not_there_is_one_line(
    two_domains: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    done = run_command(
        "prepare", f"data.source={two_domains[0]}", f"data.target={two_domains[1]}", "data.store=litdata",
        "data.litdata.address=s3://voices/none", f"data.litdata.prepared={tmp_path}", cwd=tmp_path,
    )  # fmt: skip
    assert_one_line(done, "s3://voices/none", "AWS_ENDPOINT_URL")


@pytest.mark.parametrize(
    ("setting", "word"),
    [("data.litdata.pool=0", "pool"), ("data.litdata.crops=x", "crops"), ("data.workers=2", "data.workers")],
)
def test_settings_that_make_no_sense_are_one_line(tmp_path: Path, setting: str, word: str) -> None:
    done = run_command("train", "experiment=quickstart", "data.store=litdata", setting, cwd=tmp_path)
    assert_one_line(done, word)
