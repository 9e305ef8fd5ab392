import os
import shutil

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio.io import read_mono
from melgan_vc.audio.mel import MelTransform
from melgan_vc.data import corpus, store
from melgan_vc.data.dataset import split_items
from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec
from tests.conftest import TINY_AUDIO, hum


def stores(root):
    return sorted(path.name for path in root.iterdir() if path.name != store.LOCK)


def test_holds_the_mel_of_every_recording(two_domains, tmp_path):
    made = store.prepare(two_domains[0], TINY_AUDIO, tmp_path, progress=False)
    assert [item.path for item in made.items] == ["a.wav", "b.flac", "nested/c.ogg", "nested/d.mp3"]
    front_end = MelTransform(TINY_AUDIO)
    for item in made.items:
        mel = front_end(torch.from_numpy(read_mono(two_domains[0] / item.path, TINY_AUDIO.sample_rate))).numpy().T
        kept = made.mels[item.offset : item.offset + item.frames]
        assert kept.shape == mel.shape
        assert np.abs(kept - mel).max() < 1e-3
    assert isinstance(made.mels, np.memmap)


def test_second_start_prepares_nothing_and_a_touched_or_moved_folder_neither(two_domains, tmp_path, monkeypatch):
    folder = tmp_path / "source"
    shutil.copytree(two_domains[0], folder)
    root = tmp_path / "prepared"
    first = store.prepare(folder, TINY_AUDIO, root, progress=False)
    os.utime(folder / "a.wav", (0, 0))
    monkeypatch.setattr(store, "read_mono", lambda *_: pytest.fail("prepared again"))
    assert store.prepare(folder, TINY_AUDIO, root, progress=False).folder == first.folder


def test_a_changed_file_or_spec_prepares_again(two_domains, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(two_domains[0], folder)
    root = tmp_path / "prepared"
    store.prepare(folder, TINY_AUDIO, root, progress=False)
    soundfile.write(folder / "a.wav", hum(1.0, 16000, 300, 9), 16000)
    changed = store.prepare(folder, TINY_AUDIO, root, progress=False)
    assert changed.items[0].seconds == pytest.approx(1.0)
    store.prepare(folder, AudioSpec(8000, 128, 512, 32), root, progress=False)
    assert len(stores(root)) == 3


def test_a_bad_file_is_named_and_nothing_is_left(two_domains, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(two_domains[0], folder)
    (folder / "words.wav").write_text("words")
    root = tmp_path / "prepared"
    with pytest.raises(UserError, match=r"words\.wav"):
        store.prepare(folder, TINY_AUDIO, root, progress=False)
    assert stores(root) == []


def test_damaged_mels_are_refused(two_domains, tmp_path):
    made = store.prepare(two_domains[0], TINY_AUDIO, tmp_path, progress=False)
    path = made.folder / store.MELS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="delete this folder"):
        store.prepare(two_domains[0], TINY_AUDIO, tmp_path, progress=False)


def test_a_name_that_is_not_unicode_is_kept(two_domains, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    name = os.fsdecode(b"caf\xe9.wav")
    shutil.copy(two_domains[0] / "a.wav", folder / name)
    made = store.prepare(folder, TINY_AUDIO, tmp_path / "prepared", progress=False)
    assert [item.path for item in made.items] == [name]
    assert split_items(made.items, 10, 0.1).train


def test_find_sees_nested_links_and_no_hidden_files(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("b.wav", "x/a.MP3", ".hidden.wav", "note.txt"):
        (tmp_path / name).touch()
    (tmp_path / "x" / "circle").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in corpus.find(tmp_path)]
    assert found == ["b.wav", "x/a.MP3"]


def test_folders_without_recordings_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        corpus.find(tmp_path / "none")
    (tmp_path / "memo.txt").touch()
    with pytest.raises(UserError, match=r"no recordings found \(1 other files are there\)"):
        corpus.find(tmp_path)


def test_bundled_folders_are_there():
    for name in ("voices/source", "voices/target", "music/source", "music/target"):
        assert len(corpus.find(corpus.locate(f"bundled:{name}"))) > 5
