"""Chunks of a mel that comes in blocks: whatever the blocks, the same conversion; and overlaps that have no seams."""

import pytest
import torch
from torch import Tensor

from melgan_vc.errors import UserError
from melgan_vc.inference.chunked import ChunkedConversion
from melgan_vc.measures.mels import seam_ratio

WIDTH = 8


def nothing(chunks: Tensor) -> Tensor:
    return chunks


def bumpy(chunks: Tensor) -> Tensor:
    """A generator that makes the borders of its chunks heard."""
    return chunks + torch.linspace(-1, 1, chunks.shape[-1])


def converted(conversion: ChunkedConversion, mel: Tensor, size: int, tail: str = "context") -> Tensor:
    states, pieces = [conversion.start(len(mel))], []
    for block in mel.split(size, dim=-1):
        states, done = conversion.step(states, [block])
        assert states[0].frames.shape[-1] <= 3 * WIDTH, "the state grows"
        pieces += done
    return torch.cat([*pieces, *conversion.end(states, tail)], dim=-1)


def test_mels_side_by_side_do_not_touch_one_another_and_share_calls_of_the_generator() -> None:
    calls = []

    def counted(chunks: Tensor) -> Tensor:
        calls.append(len(chunks))
        return bumpy(chunks)

    conversion, alone = ChunkedConversion(counted, WIDTH, 0.5), ChunkedConversion(bumpy, WIDTH, 0.5)
    mels = [torch.rand(3, frames) for frames in (50, 9, 3, 50)]
    states, done = conversion.step([conversion.start(3) for _ in mels], mels)
    together = [torch.cat(one, dim=-1) for one in zip(done, conversion.end(states), strict=True)]
    assert len(calls) == 2 and calls[0] > 20
    for mel, found in zip(mels, together, strict=True):
        assert torch.allclose(found, converted(alone, mel, 100), atol=1e-6)


@pytest.mark.parametrize("tail", ["context", "pad"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("frames", [1, 5, 7, 8, 9, 12, 16, 17, 50])
def test_a_generator_that_changes_nothing_gives_the_mel(frames: int, overlap: float, tail: str) -> None:
    mel = torch.rand(3, frames)
    for size in (1, 3, 100):
        found = converted(ChunkedConversion(nothing, WIDTH, overlap), mel, size, tail)
        assert torch.allclose(found, mel, atol=1e-6)


@pytest.mark.parametrize("tail", ["context", "pad"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_blocks_of_any_size_give_the_same(overlap: float, tail: str) -> None:
    conversion = ChunkedConversion(bumpy, WIDTH, overlap, chunks_at_once=2)
    mel = torch.rand(3, 61)
    whole = converted(conversion, mel, 61, tail)
    for size in (1, 2, 7, 8, 13):
        assert torch.allclose(converted(conversion, mel, size, tail), whole, atol=1e-6)


def test_without_overlap_chunks_are_side_by_side_and_the_last_one_ends_the_mel() -> None:
    mel = torch.zeros(1, 21)
    ramp = torch.linspace(-1, 1, WIDTH)
    found = converted(ChunkedConversion(bumpy, WIDTH), mel, 21)[0]
    assert torch.equal(found, torch.cat([ramp, ramp, ramp[3:]]))
    padded = converted(ChunkedConversion(lambda chunks: chunks.flip(-1), WIDTH), torch.arange(10.0)[None], 10, "pad")[0]
    assert padded.tolist() == [7, 6, 5, 4, 3, 2, 1, 0, -1, -1]


def test_overlap_takes_the_seams_away() -> None:
    mel = torch.rand(4, 400)
    plain, faded = (converted(ChunkedConversion(bumpy, WIDTH, overlap), mel, 400) for overlap in (0.0, 0.5))
    assert seam_ratio(plain, WIDTH) > 3
    assert seam_ratio(faded, WIDTH) < 1.3


@pytest.mark.parametrize("overlap", [-0.1, 1, True, "half"])
def test_an_overlap_that_makes_no_sense_is_refused(overlap: object) -> None:
    with pytest.raises(UserError, match="overlap is"):
        ChunkedConversion(nothing, WIDTH, overlap)  # type: ignore[arg-type]
