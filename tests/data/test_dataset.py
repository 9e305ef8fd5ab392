from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from melgan_vc.data.datamodule import ChunkDataModule
from melgan_vc.data.dataset import EndlessBatches, RandomWindows
from melgan_vc.data.loud import loud_stretches
from melgan_vc.data.manifest import Item
from melgan_vc.data.resident import ResidentWindows
from melgan_vc.data.splits import Segment, split_items
from melgan_vc.errors import UserError
from melgan_vc.spec import ChunkSpec
from tests.conftest import TINY_AUDIO


def items(*frames: int) -> list[Item]:
    offsets = np.cumsum([0, *frames[:-1]])
    return [
        Item(f"{n}.wav", None, None, 0, "", 0, int(offset), count, 1.0, 0.0, 0.0, 0.5, -20.0, 1.0)
        for n, (offset, count) in enumerate(zip(offsets, frames, strict=True))
    ]


def windows(seed: int = 0, stream: int = 0) -> RandomWindows:
    mels = np.arange(100, dtype=np.float16)[:, None].repeat(2, 1)  # frame number in every bin
    return RandomWindows([mels, mels + 200], [Segment("a", 0, 10, 12), Segment("b", 1, 40, 30)], 10, seed, stream)


def test_a_window_is_a_pure_function_of_seed_and_number():
    numbers = [5, 900, 5, 77_000_000]
    one, again = windows().take(numbers), windows().take(numbers[::-1])
    assert (one.shape, one.dtype) == ((4, 10, 2), torch.float16)
    _, starts = windows().places(np.array(numbers, np.uint64))
    assert (one[:, 0, 0] % 200).tolist() == starts.tolist()
    assert torch.equal(one, again.flip(0))
    assert torch.equal(one[0], one[2])
    assert not torch.equal(one, windows(seed=1).take(numbers))
    assert not torch.equal(one, windows(stream=1).take(numbers))


def test_windows_never_leave_a_recording_and_every_place_is_as_likely():
    shards, starts = windows().places(np.arange(24000, dtype=np.uint64))
    assert np.array_equal(shards, starts >= 40)
    places, counts = np.unique(starts, return_counts=True)
    assert places.tolist() == [10, 11, 12, *range(40, 61)]
    assert counts.min() > 850  # 1000 expected, standard deviation 31
    assert counts.max() < 1150


def test_split_is_by_file_and_stays_when_files_are_added():
    few, many = split_items(items(*[50] * 40), 10, 0.2), split_items(items(*[50] * 80), 10, 0.2)
    held_out = {segment.path for segment in few.validation}
    assert 2 <= len(held_out) <= 16
    assert held_out <= {segment.path for segment in many.validation}
    assert held_out.isdisjoint(segment.path for segment in few.train)
    assert len(few.train) + len(few.validation) == 40


@pytest.mark.parametrize(("count", "share", "expected"), [(11, 0.01, 1), (12, 0.01, 3), (40, 0.01, 3), (40, 0.0, 0)])
def test_of_many_recordings_three_are_held_out(count, share, expected):
    many = items(*[50] * count)
    split = split_items(many, 10, share)
    assert (len(split.validation), len(split.train)) == (expected, count - expected)
    assert split == split_items(many, 10, share), "the same each time"
    as_before = split_items(many, 10, share, least=1)
    assert len(as_before.validation) == min(1, expected)
    assert {one.path for one in as_before.validation} <= {one.path for one in split.validation}


def test_groups_are_held_out_until_there_are_three_recordings_but_never_all():
    pairs = split_items(grouped(50, *[(f"{n // 2}", None) for n in range(12)]), 10, 0.01)
    assert (len(pairs.validation), len(pairs.train)) == (4, 8)
    two = split_items(grouped(50, ("a", None), *[("b", None)] * 11), 10, 0.01)
    assert sorted((len(two.validation), len(two.train))) == [1, 11]
    fixed = split_items(grouped(50, (None, "validation"), *[(None, None)] * 20), 10, 0.001)
    assert [one.path for one in fixed.validation] == ["0.wav"], "a corpus that says what is held out decides"


def test_short_recordings_are_named():
    split = split_items(items(50, 9, 50, 3), 10, 0.05)
    assert split.short == ("1.wav", "3.wav")
    assert len(split.train) == len(split.validation) == 1


def test_silent_recordings_are_named():
    silent = replace(items(50, 60)[1], peak=1e-5)
    split = split_items([*items(50), silent], 10, 0.0)
    assert split.silent == ("1.wav",)
    assert len(split.train) == 1


def test_the_end_of_a_single_recording_is_held_out():
    split = split_items(items(200), 10, 0.1)
    assert split.train == (Segment("0.wav", 0, 0, 180),)
    assert split.validation == (Segment("0.wav", 0, 180, 20),)
    assert split_items(items(15), 10, 0.1).validation == ()


def test_without_a_share_nothing_is_held_out():
    assert split_items(items(50, 50), 10, 0.0).validation == ()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_sample_numbers_follow_each_other(batch_size):
    batches = iter(EndlessBatches(batch_size))
    drawn = [number for _ in range(5) for number in next(batches)]
    assert drawn == list(range(5 * batch_size))


def grouped(frames: int, *names: tuple[str | None, str | None]) -> list[Item]:
    """Recordings of so many frames with groups and splits."""
    return [
        replace(one, group=group, split=split)
        for one, (group, split) in zip(items(*[frames] * len(names)), names, strict=True)
    ]


def test_a_group_is_never_parted():
    chapters = [(f"chapter {n % 5}", None) for n in range(40)]
    found = split_items(grouped(50, *chapters), 10, 0.3)
    groups = [
        {int(segment.path.removesuffix(".wav")) % 5 for segment in part} for part in (found.train, found.validation)
    ]
    assert groups[0] and groups[1]
    assert groups[0].isdisjoint(groups[1])
    one = split_items(grouped(50, *[("album", None)] * 8), 10, 0.2)
    assert len(one.train) + len(one.validation) == 8
    assert one.train and one.validation, "of a single group, recordings are held out"


def test_the_split_of_a_corpus_counts():
    found = split_items(grouped(50, (None, "train"), (None, "validation"), (None, "test"), (None, "train")), 10, 0.5)
    assert [segment.path for segment in found.train] == ["0.wav", "3.wav"]
    assert [segment.path for segment in found.validation] == ["1.wav"]
    unsaid = split_items(grouped(50, (None, "train"), *[(None, None)] * 20), 10, 0.2)
    assert len(unsaid.train) + len(unsaid.validation) == 21
    assert "0.wav" in {segment.path for segment in unsaid.train}
    assert unsaid.validation


def test_balanced_windows_come_from_each_speaker_equally_often() -> None:
    """One speaker has ten times as much as the other; of that one the longer recording is drawn more often."""
    lengths = {"a": [1000, 9000], "b": [500, 500]}
    arrays, segments = [], []
    for speaker, frames in lengths.items():
        for count in frames:
            arrays.append(np.full((count, 2), len(arrays), np.float16))
            segments.append(Segment(f"{len(segments)}", len(segments), 0, count, speaker))
    shares = []
    for balanced in (False, True):
        windows = RandomWindows(arrays, [segments[2], segments[0], segments[3], segments[1]], 20, 1, 0, balanced)
        drawn = windows.take(range(4000))[:, 0, 0].numpy()
        shares.append([np.mean(drawn == number) for number in range(4)])
    assert shares[0] == pytest.approx([0.091, 0.82, 0.045, 0.045], abs=0.02)
    assert shares[1] == pytest.approx([0.05, 0.45, 0.25, 0.25], abs=0.02)


def test_windows_of_silence_are_left_out() -> None:
    mel = np.full((200, 4), -1, np.float16)
    mel[50:80] = 0.5
    mel[120:160] = 0.4
    whole = Segment("a", 0, 10, 190)
    loud = loud_stretches([mel], [whole], 20, 0.25, TINY_AUDIO)
    # of 20 frames 15 must be sound: a window starts up to 5 frames before it, and ends up to 5 after
    assert [(one.offset, one.offset + one.frames) for one in loud] == [(45, 85), (115, 165)]
    assert loud_stretches([mel], [whole], 20, 1.0, TINY_AUDIO) == (whole,)
    assert loud_stretches([mel], [Segment("b", 0, 0, 45)], 20, 0.25, TINY_AUDIO) == (Segment("b", 0, 0, 45),)


def test_a_device_that_holds_all_mels_cuts_the_same_windows() -> None:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal((length, 3)).astype(np.float16) for length in (30, 5, 40)]
    segments = [Segment("a", 0, 3, 20), Segment("c", 2, 0, 40), Segment("d", 0, 25, 5)]
    windows = RandomWindows(arrays, segments, 5, seed=1, stream=0)
    there = ResidentWindows(windows, torch.device("cpu"))
    assert there.frames.shape == (70, 3)  # no window is cut out of the second array
    for numbers in ([0, 1, 2], [4094, 4095, 4096, 4097], [7]):
        assert torch.equal(there.take(numbers), windows.take(numbers))


def test_mels_lie_on_a_gpu_where_they_fit(two_domains, tmp_path, monkeypatch) -> None:
    def home(**settings):
        data = ChunkDataModule(*map(str, two_domains), TINY_AUDIO, ChunkSpec(8), store=str(tmp_path), **settings)
        data.setup()
        data.trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cuda", 0)))
        return data.home()

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**9, 10**9))
    assert home() == home(on_device=True) == torch.device("cuda", 0)
    assert home(on_device=False) is home(workers=1) is None
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**4, 10**9))
    assert home() is None
    with pytest.raises(UserError, match=r"data.on_device is true: the mels take 0.0 GB, and cuda:0 has 0.0 GB free"):
        home(on_device=True)
    with pytest.raises(UserError, match=r"data.on_device is true: that takes a GPU, data.workers=0"):
        home(on_device=True, workers=1)
    with pytest.raises(UserError, match=r"data.on_device is 'yes': give auto, true or false"):
        home(on_device="yes")
