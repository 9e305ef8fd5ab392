import torch

from melgan_vc.audio.chunks import join, split


def test_join_undoes_split_and_chunks_are_neighbours():
    window = torch.arange(2 * 3 * 12.0).reshape(2, 3, 12)
    chunks = split(window, 3)
    assert chunks.shape == (2, 3, 3, 4)
    assert torch.equal(chunks[:, 1], window[..., 4:8])
    assert torch.equal(join(chunks), window)
