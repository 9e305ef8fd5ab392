"""What is mutated: small files of every kind, made by code, always the same."""

import importlib
import json
import os
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile
import torch

from melgan_vc.bundle import pack
from melgan_vc.data.store import MelStore
from melgan_vc.data.streamed import library, write_shards
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.spec import AudioSpec, ChunkSpec
from tests.audio.odd_files import by_ffmpeg, by_libsndfile
from tools.fuzz.mutations import Files, Link

AUDIO = AudioSpec(sample_rate=8000, hop_length=128, n_fft=512, n_mels=24)
CHUNK = ChunkSpec(width=8, splits=3)
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "notebook_small_h5"
BATCHES = 4  # of the training
TRAINING = (
    "audio.sample_rate=8000", "audio.hop_length=128", "audio.n_fft=512", "audio.n_mels=24", "chunk.width=8",
    "networks.generator.channels=8", "networks.siamese.channels=8", "networks.siamese.vector_length=8",
    "networks.discriminator.channels=8", "data.batch_size=4", "trainer.accelerator=cpu", "logger=csv",
    "optim.log_every=1", "callbacks.validation.every_batches=2", "callbacks.validation.voice=false",
    "callbacks.validation.at_end=false", "callbacks.validation.listen=0", "data.validation_share=0.3",
    "prepare.workers=0", f"trainer.max_batches={BATCHES}",
)  # fmt: skip
BY_SNDFILE = (
    ("wav", "WAV", "PCM_16"), ("wav", "WAV", "FLOAT"), ("wav", "WAV", "ALAW"), ("wav", "WAV", "IMA_ADPCM"),
    ("wav", "WAVEX", "PCM_24"), ("wav", "RF64", "PCM_16"), ("w64", "W64", "PCM_16"), ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"), ("opus", "OGG", "OPUS"), ("mp3", "MP3", "MPEG_LAYER_III"), ("aiff", "AIFF", "PCM_16"),
    ("au", "AU", "PCM_16"), ("caf", "CAF", "PCM_16"),
)  # fmt: skip
BY_FFMPEG = (
    ("m4a", "ipod", "aac"), ("aac", "adts", "aac"), ("webm", "webm", "libopus"), ("mkv", "matroska", "flac"),
    ("mka", "matroska", "ac3"), ("avi", "avi", "pcm_s16le"), ("ts", "mpegts", "mp2"), ("wma", "asf", "wmav2"),
    ("mov", "mov", "alac"), ("mp3", "mp3", "mp3"),
)  # fmt: skip


def hum(seconds: float, rate: int, pitch: float) -> np.ndarray:
    """Return a voice-like waveform (N,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * pitch * (time + 0.05 * np.sin(2 * np.pi * 1.5 * time))
    sound = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.1 * sound * (1.2 + np.sin(2 * np.pi * 3 * time))).astype(np.float32)


@cache
def recordings(folder: Path) -> tuple[Path, Path]:
    """Write recordings of two domains; returns their folders."""
    for domain, pitch in (("source", 200.0), ("target", 110.0)):
        (folder / domain).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            soundfile.write(folder / domain / f"{number}.wav", hum(1.0 + number / 10, 8000, pitch + 9 * number), 8000)
    return folder / "source", folder / "target"


def read_folder(folder: Path) -> Files:
    """Return all files under a folder by their names."""
    found: Files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = Link(str(path.readlink()))
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def write_folder(files: Files, folder: Path) -> None:
    """Write files under a folder; of names that get in each other's way, the first one wins."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Link):
                path.symlink_to(content.target)
            else:
                path.write_bytes(content)
        except OSError:
            continue


def sounds() -> dict[str, Files]:
    """Return recordings of each format that can be written here."""
    found: dict[str, Files] = {}
    for suffix, container, subtype in BY_SNDFILE:
        channels = 2 if subtype == "VORBIS" else 1
        found[f"{container}-{subtype}"] = {f"a.{suffix}": by_libsndfile(container, subtype, 0.6, channels)}
    for suffix, container, codec in BY_FFMPEG:
        rate = 48000 if codec == "libopus" else 16000
        with suppress(av.FFmpegError, ValueError):  # this FFmpeg has no such encoder
            found[f"{container}-{codec}"] = {f"a.{suffix}": by_ffmpeg(container, codec, 0.6, rate)}
    return found


def bundles() -> dict[str, Files]:
    """Return a bundle whose provenance says all that one can say."""
    torch.manual_seed(0)
    provenance = {
        "batches": 5, "experiment": "fuzz", "version": "0", "seed": 0, "code": {"commit": "0" * 40, "dirty": False},
        "data": {"source": "a", "target": "b"}, "minutes": {"source": 1.0, "target": 1.0},
        "card": {"licence": "MIT", "consent": None}, "held_out": {"mel_distance": 3.0, "measured_at_batch": 5},
    }  # fmt: skip
    generator = UNetGenerator(AUDIO.n_mels, channels=8)
    asked = {"name": "filter", "bins": 5, "frames": 3, "limit_db": 40.0}
    arguments = {"n_mels": AUDIO.n_mels, "channels": 8}
    bundle = pack(generator, arguments, AUDIO, CHUNK, provenance, inversion=asked)
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(Path(folder) / "bundle.safetensors")
        return {"bundle": read_folder(Path(folder))}


@cache
def training(folder: Path) -> Path:
    """Train a few batches; returns the run directory, beside ``source``, ``target`` and ``store``."""
    from melgan_vc.train import main

    source, target = recordings(folder)
    places = [f"data.source={source}", f"data.target={target}", f"data.store={folder / 'store'}"]
    sys.argv, before = ["train", *TRAINING, *places, f"run_dir={folder / 'run'}"], sys.argv
    in_a_child(main)
    sys.argv = before
    return folder / "run"


def shards(store: MelStore, folder: Path) -> dict[str, Files]:
    """Return a store as shards, which are written to a folder before."""
    library()  # else each case would load it
    in_a_child(lambda: write_shards(store, folder, "0" * 64, 0.3, 1))
    return {"shards": read_folder(folder)}


def in_a_child(body: Callable[[], object]) -> None:
    """Run something in a process of its own, which this one waits for, and load the modules that it needed.

    Raises:
        RuntimeError: it failed.
    """
    with tempfile.NamedTemporaryFile("w+") as names:
        pid = os.fork()
        if pid == 0:
            try:
                body()
                names.write("\n".join(sys.modules))
                names.flush()
                sys.stderr.flush()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        if os.waitpid(pid, 0)[1]:
            raise RuntimeError("a seed fails, see above")
        names.seek(0)
        for name in names.read().splitlines():  # else each case would load them
            with suppress(ImportError):  # of what a library puts there by hand
                importlib.import_module(name)


def pcm() -> dict[str, Files]:
    """Return raw samples of two formats."""
    waveform = hum(0.4, 8000, 150)
    return {
        "f32": {"a.f32": waveform.astype("<f4").tobytes()},
        "s16": {"a.s16": (waveform * 32767).astype("<i2").tobytes()},
    }


def notebook() -> dict[str, Files]:
    """Return the notebook's weights, as its own Keras saved them."""
    return {"notebook": read_folder(GOLDEN)}


def wandb_file(rows: Sequence[dict[str, float]]) -> bytes:
    """Return what Weights & Biases writes offline: a header, then records, each after its checksum, length and kind."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    data = b":W&B\xd3\xbe\x00"
    for row in rows:
        record = Record()
        for key, value in row.items():
            item = record.history.item.add()
            item.key, item.value_json = key, json.dumps(value)
        payload = record.SerializeToString()
        data += struct.pack("<IHB", 0, len(payload), 1) + payload
    return data


def logs() -> dict[str, Files]:
    """Return what loggers left in a run directory."""
    table = "generator/travel,held_out/mel_distance,step\n1.5,,2\n1.2,3.5,4\n1.1,,6\n"
    step = "trainer/global_step"
    rows = [{"generator/travel": 1.5, step: 2.0}, {"held_out/travel": 1.0, step: 4.0}]
    files: Files = {"metrics.csv": table.encode(), "wandb/offline-run-1/run-abc.wandb": wandb_file(rows)}
    return {"logs": files}


def evaluations() -> dict[str, Files]:
    """Return two evaluations, and a run directory beside them."""
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(("one", "other")):
            write_evaluation(Path(folder) / name, number)
        run = Path(folder) / "run"
        run.mkdir()
        (run / "config.yaml").write_text("name: fuzz\nseed: 0\nlosses: {travel: {weight: 10.0}}\nlogger: {}\n")
        (run / "metrics.csv").write_text(
            "held_out/mel_distance,held_out/to_target,throughput/batches_per_second,step\n,,4.5,1\n3.5,0.5,,2\n3.0,0.6,,4\n"
        )
        files = read_folder(Path(folder))
    return {"evaluations": files, "answers": answers()}


def write_evaluation(folder: Path, seed: int) -> None:
    """Write what ``melgan_vc.evaluate`` leaves of two recordings."""
    from melgan_vc.evaluation import report
    from melgan_vc.evaluation.protocol import Row, Summary
    from melgan_vc.evaluation.session import file_of
    from melgan_vc.measures.intervals import Mean

    folder.mkdir()
    kinds, names = ("source", "converted", "WORLD transfer", "target resynthesised", "target"), ("a", "nested/b é")
    rows = [Row(name, kind, {"mcd": 5.0 + seed, "to_target": 0.5}) for kind in kinds for name in names]
    means = {"mcd": Mean(5.0 + seed, 4.0, 6.0, 2), "to_target": Mean(0.5, 0.4, 0.6, 2)}
    summary = [Summary(kind, means, {"frechet": 0.1, "median_f0": float("nan")}) for kind in kinds]
    for row in rows:
        path = folder / file_of(row.name, row.kind)
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, hum(0.3, 8000, 150), 8000)
    about = {
        "bundle": "runs/x", "sound": "voice", "parallel": True, "held_out": {"source": 2, "target": 2},
        "places": {"source": "here", "target": "there"},
        "audio": {"sample_rate": 8000, "hop_length": 128, "n_fft": 512, "n_mels": 24}, "overlap": 0.5,
        "silence_dbfs": -60.0, "inversion": {"_target_": "melgan_vc.audio.griffin_lim.GriffinLim"},
        "baselines": ["WORLD transfer"], "baselines_from": "training recordings", "recogniser": None,
        "data_report": {"rows": [], "advice": []}, "provenance": {"batches": 5},
        "settings": {"run_dir": "runs/x", "chunk.width": 24, "seed": seed},
    }  # fmt: skip
    report.write(folder, rows, summary, about)
    (folder / report.CURVES).write_text("step,generator/travel,held_out/to_target\n50,1.5,\n100,1.2,0.6\n")
    (folder / report.CARD).write_text("# A card\n")
    (folder / report.SPEED).write_text('{"times_real_time": 12.5}\n')


def answers() -> Files:
    """Return the key of a listening test, and what a listener answered."""
    key = {
        "aaaaaaaaaaaa": {"kind": "mos", "recording": "a", "systems": ["source"]},
        "bbbbbbbbbbbb": {"kind": "abx", "recording": "a", "systems": ["converted", "WORLD transfer"]},
    }
    table = "listener,trial,answer,seconds\nme,aaaaaaaaaaaa,4,2.5\nme,bbbbbbbbbbbb,A,3\n"
    return {"key.json": json.dumps(key).encode(), "answers.csv": table.encode()}
