"""Each corpus is found as its makers lay it out, and said to be missing where it is not."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from melgan_vc.cli import CONF
from melgan_vc.data import corpora, known
from melgan_vc.data.corpora import corpus_of
from melgan_vc.data.preparation import Preparation
from melgan_vc.data.prepare import prepare
from melgan_vc.data.work import Work
from melgan_vc.errors import UserError
from tests.audio.test_decode import encode
from tests.conftest import TINY_AUDIO

TREES = {
    "cmu_arctic": [f"cmu_us_{speaker}_arctic/wav/arctic_a000{n}.wav" for speaker in ("bdl", "slt") for n in (1, 2, 3)],
    "vctk": [
        f"wav48_silence_trimmed/{speaker}/{speaker}_00{n}_mic{mic}.flac"
        for speaker in ("p225", "p226")
        for n in (1, 2, 3)
        for mic in (1, 2)
    ],
    "vcc2018": [
        f"{home}/{speaker}/{first}000{n}.wav"
        for home, speaker, first in (
            ("vcc2018_training", "VCC2SF1", 1),
            ("vcc2018_training", "VCC2TF1", 1),
            ("vcc2018_evaluation", "VCC2SF1", 3),
            ("vcc2018_reference", "VCC2TF1", 3),
        )
        for n in (1, 2)
    ],
    "libritts": [
        f"train-clean-100/{speaker}/{chapter}/{speaker}_{chapter}_00000{n}_000000.wav"
        for speaker in ("103", "1034")
        for chapter in ("1240", "1241")
        for n in (1, 2)
    ],
    "gtzan": [f"genres_original/{genre}/{genre}.0000{n}.wav" for genre in ("jazz", "classical") for n in (0, 1, 2)],
    "musdb18": [
        f"{home}/{track}/{stem}.wav"
        for home, track in (("train", "A - B"), ("train", "C - D"), ("test", "E - F"))
        for stem in ("mixture", "drums", "bass", "other", "vocals")
    ],
}


def domains(name, root):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [f"data={name}", f"data.root='{root}'"])
    return {domain: corpus_of(instantiate(cfg.data[domain])) for domain in ("source", "target")}


def plant(root, paths):
    rng = np.random.default_rng(0)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, 0.1 * rng.standard_normal(8000), 8000)


@pytest.mark.parametrize("name", TREES)
def test_a_corpus_of_its_true_shape_is_prepared(name, tmp_path):
    root = tmp_path / "a corpus"
    plant(root, TREES[name])
    found = domains(name, root)
    names = [set(one.recordings()) for one in found.values()]
    assert names[0] and names[1]
    assert names[0].isdisjoint(names[1])
    assert names[0] | names[1] <= set(TREES[name])
    for corpus in found.values():
        made = prepare(corpus, TINY_AUDIO, tmp_path / "prepared", Preparation(), Work(workers=0, progress=False))
        assert {item.path for item in made.items} == set(corpus.recordings())


@pytest.mark.parametrize("name", TREES)
def test_a_corpus_that_is_not_there_is_said_where_to_get(name, tmp_path):
    (tmp_path / "unpacked" / "elsewhere").mkdir(parents=True)
    with pytest.raises(UserError, match=r"is not there: get it from http.*, and place it so that .* is in data\.root"):
        domains(name, tmp_path)["source"].recordings()


def test_a_speaker_that_is_not_there_is_said_who_is(tmp_path):
    plant(tmp_path, TREES["vctk"])
    with pytest.raises(UserError, match="VCTK has no speaker 'p999' there; it has p225, p226"):
        known.Vctk(str(tmp_path), ["p225", "p999"]).recordings()


def test_microphones_splits_and_groups_are_the_corpus_own(tmp_path):
    plant(tmp_path, TREES["vctk"] + TREES["vcc2018"] + TREES["libritts"] + TREES["musdb18"])
    assert all("_mic2" in name for name in known.Vctk(str(tmp_path), "p225", microphone=2).recordings())
    target = known.Vcc2018(str(tmp_path), "VCC2TF1").recordings()
    assert [one.split for one in target.values()] == ["train", "train", "validation", "validation"]
    chapters = {one.group for one in known.LibriTts(str(tmp_path), "103").recordings().values()}
    assert chapters == {"103/1240", "103/1241"}
    vocals = known.Musdb18(str(tmp_path), "vocals").recordings()
    assert {(one.group, one.split) for one in vocals.values()} == {
        ("A - B", "train"), ("C - D", "train"), ("E - F", "validation"),
    }  # fmt: skip


def test_a_stem_of_a_multitrack_file_is_taken(tmp_path):
    import av

    seconds = np.arange(44100 * 2) / 44100
    (tmp_path / "train").mkdir()
    with av.open(str(tmp_path / "train" / "A - B.stem.mp4"), "w") as container:
        streams = [container.add_stream("aac", rate=44100, layout="mono") for _ in known.Musdb18.stems]
        for number, stream in enumerate(streams):
            tone = 0.3 * np.sin(2 * np.pi * (200 + 100 * number) * seconds).astype(np.float32)
            queue = av.AudioFifo()
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate = 44100
            queue.write(frame)
            while (piece := queue.read(1024, partial=True)) is not None:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
    work = Work(workers=0, progress=False)
    loudest = {}
    for stem in ("bass", "vocals"):
        made = prepare(known.Musdb18(str(tmp_path), stem), TINY_AUDIO, tmp_path / "prepared", work=work)
        loudest[stem] = int(made.mel(made.items[0])[40].argmax())
    assert loudest["bass"] < loudest["vocals"]


def test_a_table_names_recordings_domains_splits_and_groups(two_domains, tmp_path):
    table = tmp_path / "all.csv"
    paths = sorted(two_domains[0].rglob("*.wav")) + sorted(two_domains[0].rglob("*.flac"))
    table.write_text(
        "path,domain,split,group\n" + f'"{paths[0]}",a,train,one\n"{paths[1]}",a,validation,\n"{paths[1]}",b,,\n'
    )
    found = corpora.Table(str(table), "a").recordings()
    assert [(one.path, one.split, one.group) for one in found.values()] == [
        (paths[0], "train", "one"),
        (paths[1], "validation", None),
    ]
    with pytest.raises(UserError, match=r"all\.csv: has no row of domain 'c'; its domains are a, b"):
        corpora.Table(str(table), "c").recordings()
    table.write_text("path,domain,split\nx.wav,a,some\n")
    with pytest.raises(UserError, match=r"x\.wav: its split is 'some'; give one of train, validation, test"):
        corpora.Table(str(table), "a").recordings()
    table.write_text("file\nx.wav\n")
    with pytest.raises(UserError, match="has no column path, domain"):
        corpora.Table(str(table), "a").recordings()
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        corpora.Table(str(tmp_path / "none.csv"), "a").recordings()


def test_a_wide_container_is_refused_by_its_number_of_streams(tmp_path):
    encode(tmp_path / "x.m4a", "aac", np.zeros((1, 48000), np.float32))
    from melgan_vc.audio.decode import opened

    with pytest.raises(UserError, match="holds 1 streams of sound"), opened(tmp_path / "x.m4a", 4):
        pass


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch, caplog):
    plant(tmp_path, [*TREES["libritts"], "mine/a.wav", "mine/locked/b.wav"])
    locked = [tmp_path / "mine" / "locked", tmp_path / "train-clean-100" / "103" / "1240"]
    listed, access = os.scandir, os.access

    def scandir(path):
        if Path(path) in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: path not in locked and access(path, mode))
    assert set(corpora.Folders(str(tmp_path / "mine")).recordings()) == {"a.wav"}
    assert known.LibriTts(str(tmp_path), "103").recordings()
    assert all(f"{path}: cannot be read (Permission denied), so the" in caplog.text for path in locked)
    locked.append(tmp_path / "mine")
    with pytest.raises(UserError, match=r"mine: cannot be read \(Permission denied\); check its rights"):
        corpora.Folders(str(tmp_path / "mine")).recordings()
