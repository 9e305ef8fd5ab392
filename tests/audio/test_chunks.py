import pytest
import torch

from melgan_vc.audio.chunks import cover, join, split, uncover


def test_join_undoes_split_and_chunks_are_neighbours():
    window = torch.arange(2 * 3 * 12.0).reshape(2, 3, 12)
    chunks = split(window, 3)
    assert chunks.shape == (2, 3, 3, 4)
    assert torch.equal(chunks[:, 1], window[..., 4:8])
    assert torch.equal(join(chunks), window)


@pytest.mark.parametrize("tail", ["context", "pad"])
@pytest.mark.parametrize("frames", [1, 3, 4, 5, 8, 11])
def test_uncover_undoes_cover(frames, tail):
    mel = torch.randn(2, frames)
    chunks = cover(mel, 4, tail)
    assert chunks.shape == (-(-frames // 4), 2, 4)
    assert torch.equal(uncover(chunks, frames, tail), mel)


def test_context_ends_with_the_last_frames_and_pad_with_silence():
    mel = torch.arange(6.0)[None]
    assert cover(mel, 4, "context")[-1].tolist() == [[2, 3, 4, 5]]
    assert cover(mel, 4, "pad")[-1].tolist() == [[4, 5, -1, -1]]
