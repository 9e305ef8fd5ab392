"""The commands as a user runs them."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc import bundle
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.training.run import train
from tests.commands import Running, run_command
from tests.conftest import GOLDEN, ROOT, TINY, TINY_AUDIO, assert_one_line, hum
from tests.test_configs import composed

HELD_OUT = ROOT / "melgan_vc" / "bundled" / "voices" / "heldout"
COMMANDS = [
    "train", "prepare", "inspect", "convert", "stream", "export", "evaluate", "card", "leaderboard", "import_notebook",
    "dashboard", "report", "listening", "profile",
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(two_domains, tmp_path_factory):
    """A run made by the command, in a folder with a space and an accent."""
    cwd = tmp_path_factory.mktemp("own é recordings")
    done = run_command(
        "train",
        "experiment=voice_a2b",
        *TINY,
        f"data.source={two_domains[0]}",
        f"data.target={two_domains[1]}",
        "run_dir=my run",
        "trainer.max_batches=6",
        "optim.log_every=2",
        "card.consent='both agreed, in 2026'",
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return cwd / "my run"


def test_train_leaves_a_run(trained):
    rows = list(csv.DictReader((trained / "metrics.csv").read_text().splitlines()))
    assert {"generator/travel", "generator/identity", "discriminator/hinge_real"} <= rows[0].keys()
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 6]  # and the validation at the end
    checkpoint = torch.load(trained / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["batch_count"] == 6
    assert bundle.load(trained).provenance["batches"] == 6
    assert not list(trained.rglob("*.part"))


def test_the_card_tells_what_the_bundle_is(trained, tmp_path):
    done = run_command("card", f"bundle={trained}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("batches: 6", "source: 0.1 minutes, sha256", "measured_at_batch: 6", "consent: both agreed, in 2026"):
        assert words in done.stdout
    assert "licence: not stated" in done.stdout


def test_a_run_directory_in_use_is_refused(trained, two_domains, tmp_path):
    data = [f"data.source={two_domains[0]}", f"data.target={two_domains[1]}"]
    done = run_command("train", *TINY, *data, f"run_dir={trained}", cwd=tmp_path)
    assert_one_line(done, str(trained), "holds a training already")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_keeps_what_it_has(two_domains, tmp_path, number, code):
    data = [f"data.source={two_domains[0]}", f"data.target={two_domains[1]}"]
    given = [*TINY, *data, "run_dir=run", "callbacks.validation=null", "checkpoint.every_batches=5"]
    with Running("train", *given, cwd=tmp_path) as running:
        until = time.monotonic() + 120
        while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
            time.sleep(0.1)
        os.kill(running.pid, number)
        done = running.wait(60)
    assert done.returncode == code, done.stderr
    assert "interrupted after" in done.stderr
    assert "Traceback" not in done.stderr
    batches = bundle.load(tmp_path / "run").provenance["batches"]
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["batch_count"] == batches > 0


def test_convert_keeps_a_folders_tree_and_each_recordings_shape(trained, tmp_path):
    soundfile.write(tmp_path / "a.wav", hum(0.05, 16000, 150, 1), 16000)
    (tmp_path / "in" / "ü").mkdir(parents=True)
    soundfile.write(tmp_path / "in" / "b c.flac", hum(0.4, 8000, 150, 2), 8000)
    soundfile.write(tmp_path / "in" / "ü" / "d.wav", np.stack([hum(0.5, 44100, 150, 3)] * 2, 1), 44100, "PCM_24")
    one = run_command("convert", f"bundle={trained}", "input=a.wav", "output=out/a.wav", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    many = run_command("convert", f"bundle={trained / bundle.NAME}", "input=in", "output=all out", cwd=tmp_path)
    assert many.returncode == 0, many.stderr
    for name, made in (("a.wav", "out/a.wav"), ("in/b c.flac", "all out/b c.flac"), ("in/ü/d.wav", "all out/ü/d.wav")):
        given, converted = soundfile.info(tmp_path / name), soundfile.info(tmp_path / made)
        assert (given.frames, given.samplerate, given.channels) == (
            converted.frames,
            converted.samplerate,
            converted.channels,
        )


def test_one_bad_recording_does_not_stop_the_others(trained, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_text("text")
    soundfile.write(tmp_path / "in" / "b.wav", hum(0.3, 8000, 150, 2), 8000)
    done = run_command("convert", f"bundle={trained}", "input=in", "output=out", cwd=tmp_path)
    assert_one_line(done, "1 of 2 recordings could not be converted", "a.wav")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.wav"]


def test_a_conversion_that_was_stopped_goes_on_and_says_what_it_left_alone(trained, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / "in" / name, hum(0.3, 8000, 150, 2), 8000)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").write_text("converted before")
    arguments = [f"bundle={trained}", "input=in", "output=out"]
    done = run_command("convert", *arguments, cwd=tmp_path)
    assert done.returncode == 0 and "1 already existed and was skipped" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "out" / "a.wav").read_text() == "converted before"
    assert soundfile.info(tmp_path / "out" / "b.wav").frames == 2400
    assert run_command("convert", *arguments, "overwrite=true", cwd=tmp_path).returncode == 0
    assert soundfile.info(tmp_path / "out" / "a.wav").frames == 2400


def test_raw_samples_stream_from_stdin_to_stdout(trained, tmp_path):
    samples = (hum(1.7, 16000, 150, 2) * 32767).astype("<i2").tobytes()
    command = [sys.executable, "-m", "melgan_vc.stream", f"bundle={trained}", "input=stdin", "output=stdout"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "rate=16000"], input=samples, capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == len(samples) and any(done.stdout)
    said = done.stderr.decode()
    assert "latency" in said and "p99" in said and "drop-outs" in said
    wrong = run_command("stream", f"bundle={trained}", "input=stdin", cwd=tmp_path)
    assert_one_line(wrong, "stdin and speakers do not go together")
    assert_one_line(run_command("stream", f"bundle={trained}", "rate=fast", cwd=tmp_path), "rate is 'fast'")


def test_import_notebook_then_convert(golden, tmp_path):
    done = run_command(
        "import_notebook", f"weights={GOLDEN / 'notebook_small_h5'}", "output=n.safetensors", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    converter = Converter.load(tmp_path / "n.safetensors", overlap=0)  # as the notebook does
    assert (converter.bundle.audio.hop_length, converter.bundle.audio.n_fft) == (48, 288)
    for frames in (25, 47, 100, 167):
        converted = converter.convert(golden[f"convert/input_{frames}"])
        assert np.abs(converted - golden[f"convert/output_{frames}"]).max() < 1e-4


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A sentence by both bundled speakers, and one more by the source."""
    folder = tmp_path_factory.mktemp("two é speakers")
    for domain, names in (("source", ("01.ogg", "02.ogg")), ("target", ("01.ogg",))):
        (folder / domain).mkdir()
        for name in names:
            (folder / domain / name).symlink_to(HELD_OUT / domain / name)
    return folder


@pytest.fixture(scope="module")
def lone(trained, tmp_path_factory):
    """A bundle that lies in no run directory."""
    path = tmp_path_factory.mktemp("alone") / "lone.safetensors"
    path.write_bytes((trained / "bundle.safetensors").read_bytes())
    return path


def test_evaluate_measures_what_it_is_given_and_shows_it(trained, lone, sentences, tmp_path, monkeypatch):
    given = [f"source={sentences}/source", f"target={sentences}/target", "split=test"]
    bundles = {"one": trained, "two": lone}
    runs = []
    for name, path in bundles.items():
        monkeypatch.setenv("MELGAN_VC_CACHE", str(tmp_path / f"cache {name}"))
        runs.append(run_command("evaluate", f"bundle={path}", *given, f"output={name}", cwd=tmp_path))
    for done in runs:
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
    assert "1 recording has no partner and is not measured: 02" in runs[0].stderr
    assert "chose its best" not in runs[0].stderr, "these are not the run's own"
    for words in ("cosine to target", "MCD (dB)", "CER", "DistillMOS", "quality", "NOT usable yet", "times real time"):
        assert words in runs[0].stdout
    records = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in bundles]
    assert [one["split"] for one in records] == ["test", "test"]
    assert [one["baselines_from"] for one in records] == ["training recordings", "held-out recordings"]
    found, again = ({line["kind"]: line["means"] for line in one["summary"]} for one in records)
    for kind in ("source", "converted", "target resynthesised", "target"):
        assert found[kind] == again[kind], "the same bundle gives the same numbers"
    assert again["WORLD transfer"]["f0_cents"]["value"] < found["source"]["f0_cents"]["value"]
    assert found["target"]["mcd"]["value"] == 0 and found["source"]["cer"]["value"] == 0
    assert found["target resynthesised"]["to_target"]["value"] > 0.9
    assert records[0]["parallel"] and records[0]["settings"]["chunk.width"] == 8 and records[0]["data_report"]["rows"]
    rows = list(csv.DictReader((tmp_path / "one" / "metrics.csv").open()))
    assert len(rows) == len(found) and {row["name"] for row in rows} == {"01"}
    page = (tmp_path / "one" / "index.html").read_text()
    assert page.count("<audio") == len(found)
    assert not re.search(r"(src|href)=.http|url\(.?http|@import", page), "nothing comes from a network"
    done = run_command("report", "evaluations=[one,two]", "output=both", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "two against one\n  CER +0.00, too few recordings for an interval\n" in done.stdout


def test_evaluate_takes_what_the_run_held_out(trained, lone, sentences, tmp_path):
    given = ["seconds=1", "recogniser=none", "naturalness=[]", f"unseen={sentences}/target"]
    done = run_command("evaluate", f"bundle={trained}", "output=ev", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "ev" / "metrics.json").read_text())
    kinds = [line["kind"] for line in record["summary"]]
    other = f"{sentences.name}/target"
    assert {f"source {other}", f"converted from {other}"} <= set(kinds) and record["unseen"][other]["held_out"] == 1
    assert "From speakers that were not trained on" in done.stdout
    assert not record["parallel"] and record["held_out"] == {"source": 1, "target": 1}
    assert not {"mcd", "cer"} & record["summary"][0]["means"].keys() and "WORLD transfer" in done.stdout
    done = run_command("evaluate", f"bundle={trained}", "output=one", "split=development", cwd=tmp_path)
    assert_one_line(done, "split=development", "1 is held out", "leave split out")
    done = run_command("evaluate", f"bundle={lone}", "output=lone", cwd=tmp_path)
    assert_one_line(done, "is not in a run directory", "source=DIR target=DIR")


def test_evaluate_judges_music_by_a_classifier_of_its_training_recordings(lone, two_domains, tmp_path):
    arguments = [
        f"bundle={lone}",
        "sound=music",
        f"source={two_domains[0]}",
        f"target={two_domains[1]}",
        "output=ev",
    ]
    assert_one_line(run_command("evaluate", *arguments, cwd=tmp_path), "add training_source=DIR")
    arguments += [f"training_source={two_domains[0]}", f"training_target={two_domains[1]}"]
    done = run_command("evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The classifier of genres is right on" in done.stdout
    record = json.loads((tmp_path / "ev" / "metrics.json").read_text())
    found = {line["kind"]: line["means"] for line in record["summary"]}
    assert found["source"]["chroma"]["value"] == pytest.approx(1) and "chroma" not in found["target"]


@pytest.mark.parametrize(
    "wrong", ["sound=noise", "split=testing", "recordings=0", "source=here", "training_target=there"]
)
def test_evaluate_refuses_what_makes_no_sense(trained, tmp_path, wrong):
    done = run_command("evaluate", f"bundle={trained}", "output=ev", wrong, cwd=tmp_path)
    assert_one_line(done, wrong.partition("=")[0])
    assert not (tmp_path / "ev").exists()


def test_a_training_at_the_targets_pitch_is_converted_at_it(two_domains, tmp_path):
    data = [f"data.source={two_domains[0]}", f"data.target={two_domains[1]}", "data.pitch=match"]
    done = run_command("train", *TINY, *data, "run_dir=run", "trainer.max_batches=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the source is shifted by -" in done.stderr
    pitch = bundle.load(tmp_path / "run").pitch
    assert pitch.shift.ratio == pytest.approx(110 / 200, rel=0.1)
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["about"]["pitch"]["source_f0"] == pitch.source_f0
    resumed = run_command("train", *TINY, *data, "run_dir=run", "trainer.max_batches=3", "resume=auto", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert bundle.load(tmp_path / "run").pitch == pitch
    sounds = []
    for wanted in ("auto", "none"):
        arguments = [f"input={two_domains[0] / 'a.wav'}", f"output={wanted}.wav", f"pitch={wanted}"]
        done = run_command("convert", "bundle=run", *arguments, "level=null", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        sounds.append(soundfile.read(tmp_path / f"{wanted}.wav")[0])
    assert not np.allclose(*sounds, atol=0.01)
    idle = run_command("prepare", *data[:2], "data.formants=1.1", cwd=tmp_path)
    assert_one_line(idle, "data.formants has an effect only with data.pitch=match")


def test_prepare_twice_makes_one_store(two_domains, tmp_path):
    arguments = [f"data.source={two_domains[0]}", f"data.target={two_domains[1]}", *TINY[:4]]
    one, two = (run_command("prepare", *arguments, cwd=tmp_path) for _ in range(2))
    assert one.returncode == 0, one.stderr
    assert one.stdout == two.stdout
    assert "4 recordings" in one.stdout
    assert len(list((tmp_path / "prepared").glob("[!.]*"))) == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command_and_loads_nothing_that_takes_long(name, tmp_path):
    listed = ["-X", "importtime", "-m", f"melgan_vc.{name}", "--help"]
    done = subprocess.run([sys.executable, *listed], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"python -m melgan_vc.{name}" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "lightning", "matplotlib", "librosa", "wandb"}


def broken_folder(path, kind):
    path.mkdir(parents=True)
    soundfile.write(path / "good.wav", hum(2, 16000, 150, 1), 16000)
    if kind == "empty":
        (path / "good.wav").unlink()
    elif kind == "text":
        (path / "bad.wav").write_text("hello")
    elif kind == "nan":
        soundfile.write(path / "bad.wav", np.full(9000, np.nan, np.float32), 16000, subtype="FLOAT")
    elif kind == "mp3":
        soundfile.write(path / "bad.mp3", hum(2, 16000, 150, 1), 16000)
        (path / "bad.mp3").write_bytes((path / "bad.mp3").read_bytes()[:5000])
    elif kind == "short":
        (path / "good.wav").unlink()
        soundfile.write(path / "bad.wav", hum(0.05, 16000, 150, 1), 16000)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", ["no recordings found"]),
        ("missing", ["no such folder"]),
        ("text", ["bad.wav", "cannot be read as audio"]),
        ("nan", ["bad.wav", "NaN"]),
        ("mp3", ["bad.mp3", "truncated"]),
        ("short", ["long enough", "0.05 s"]),
    ],
)
def test_bad_training_data_is_refused_before_a_run_begins(kind, words, two_domains, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "naïve folder"
    if kind != "missing":
        broken_folder(folder, kind)
    data = [f"data.source='{folder}'", f"data.target='{two_domains[1]}'", "prepare.max_failed=0.3"]
    given = [*TINY, *data, "run_dir=run", "trainer.max_batches=2"]
    if kind == "mp3":  # one of them as a user sees it
        assert_one_line(run_command("train", *given, cwd=tmp_path), "naïve folder", *words)
    with pytest.raises(UserError) as raised:
        train(composed(*given))
    assert all(word in str(raised.value) for word in ("naïve folder", *words)), str(raised.value)
    assert not (tmp_path / "run").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_other_mistakes_end_in_one_line(tiny_bundle, two_domains, tmp_path):
    tiny_bundle.save(tmp_path / bundle.NAME)
    (tmp_path / "file").write_text("in the way")
    soundfile.write(tmp_path / "a.wav", hum(0.3, 8000, 150, 1), 8000)
    data = [f"data.source={two_domains[0]}", f"data.target={two_domains[1]}"]
    assert_one_line(
        run_command("train", "experiment=nope", cwd=tmp_path), "nope", "quickstart", "voice_a2b", "genre_a2b"
    )
    assert_one_line(run_command("train", *TINY, *data, "run_dir=file/run", cwd=tmp_path), "file/run")
    assert_one_line(run_command("train", *TINY, *data, "chunk.width=22", cwd=tmp_path), "chunk.width is 22")
    assert_one_line(run_command("train", "nonsense=1", cwd=tmp_path), "nonsense")
    assert_one_line(run_command("convert", "bundle=.", "output=x", cwd=tmp_path), "input not given")
    fitting = ["input=a.wav", "output=b.wav"]
    assert_one_line(run_command("convert", "bundle=.", "device=cuda", *fitting, cwd=tmp_path), "cuda")
    assert_one_line(
        run_command("convert", "bundle=null", "input=", "output=x", cwd=tmp_path), "bundle, input not given"
    )
    assert_one_line(run_command("convert", "bundle=file", *fitting, cwd=tmp_path), "file", "bundle")
    assert_one_line(
        run_command("convert", "bundle=.", "audio=music_22k", *fitting, cwd=tmp_path), "22050 (bundle 8000)"
    )
    assert TINY_AUDIO.sample_rate == 8000
    assert not (tmp_path / "b.wav").exists()


def test_a_profile_tells_where_the_time_goes(two_domains, tmp_path):
    domains = [f"data.{name}={folder}" for name, folder in zip(("source", "target"), two_domains, strict=True)]
    # The config's own length does not count.
    given = [
        "experiment=quickstart",
        "trainer.max_batches=1",
        *TINY,
        *domains,
        "cycles=3",
        "warm_up=1",
        "output=a profile",
    ]
    done = run_command("profile", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "a profile" / "profile.json").read_text())
    networks = {f"{name} {way}" for name in found["flop"] for way in ("forward", "backward")}
    assert networks | {"data", "losses", "optimizers", "moving average", "framework"} <= found["part_seconds"].keys()
    assert sum(found["part_seconds"].values()) == pytest.approx(np.mean(found["cycle_seconds"]), rel=0.05)
    assert (len(found["cycle_seconds"]), found["batches"]) == (3, 2)
    assert found["memory_bytes"] > found["memory_bytes_before"] > 1e8
    assert "batches a second on the CPU" in done.stdout and "generator forward" in done.stdout
    events = json.loads((tmp_path / "a profile" / "trace.json").read_text())["traceEvents"]
    assert {"generator forward", "optimizers", "aten::convolution"} <= {event.get("name") for event in events}
    assert not (tmp_path / "runs").exists()
    refused = run_command("profile", *given, "cycles=0", cwd=tmp_path)
    assert_one_line(refused, "cycles", "0", "whole number from 1")
