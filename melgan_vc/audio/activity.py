"""Where a recording is worth keeping: everywhere, where it is loud, or where somebody speaks."""

from collections.abc import Callable, Iterable, Iterator

import librosa
import numpy as np

from melgan_vc.errors import UserError

SPAN = 60  # seconds that are judged at a time
MARGIN = 0.1  # seconds kept around what is loud
VAD_RATE = 16000
Judge = Callable[[np.ndarray], list[tuple[int, int]]]  # samples (N,) to what to keep of them: [start, end)


def loud(sample_rate: int, loudest: float, top_db: float) -> Judge:
    """Keep what is less than ``top_db`` under the recording's loudest frame, as librosa splits recordings.

    Args:
        loudest: root mean square of that frame.
    """
    margin = int(MARGIN * sample_rate)

    def judge(samples: np.ndarray) -> list[tuple[int, int]]:
        found = librosa.effects.split(samples, top_db=top_db, ref=loudest)
        return joined((max(0, start - margin), min(len(samples), end + margin)) for start, end in found.tolist())

    return judge


def loudest_frame(blocks: Iterable[np.ndarray]) -> float:
    """The largest root mean square of a frame of librosa's."""
    return max(float(librosa.feature.rms(y=block).max()) for block in blocks)


def speech(sample_rate: int) -> Judge:
    """Keep what Silero's voice activity detector, whose model comes in its package, takes for speech.

    Raises:
        UserError: it is not installed.
    """
    import torch  # here, for it takes more memory than all else of a preparation

    try:
        from silero_vad import get_speech_timestamps, load_silero_vad
    except ImportError as error:
        raise UserError("prepare.silence=vad needs silero-vad: pip install 'melgan_vc[vad]'") from error
    model = load_silero_vad(onnx=False)

    def judge(samples: np.ndarray) -> list[tuple[int, int]]:
        at_its_rate = librosa.resample(samples, orig_sr=sample_rate, target_sr=VAD_RATE, res_type="soxr_hq")
        found = get_speech_timestamps(
            torch.from_numpy(at_its_rate), model, sampling_rate=VAD_RATE, speech_pad_ms=int(1000 * MARGIN)
        )
        scale = sample_rate / VAD_RATE
        return joined((int(one["start"] * scale), min(len(samples), int(one["end"] * scale))) for one in found)

    return judge


def joined(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge pieces (start, end) that touch or overlap."""
    found: list[tuple[int, int]] = []
    for start, end in pieces:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def spans(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """Blocks (N,) of any lengths as blocks of so many samples; the last one may be shorter."""
    held: list[np.ndarray] = []
    count = 0
    for block in blocks:
        while count + len(block) >= samples:
            cut = samples - count
            yield np.concatenate([*held, block[:cut]])
            held, count, block = [], 0, block[cut:]
        held.append(block)
        count += len(block)
    if count:
        yield np.concatenate(held)


def kept(blocks: Iterable[np.ndarray], judge: Judge, sample_rate: int) -> Iterator[np.ndarray]:
    """Give what is worth keeping of a recording, in blocks (N,)."""
    for span in spans(blocks, SPAN * sample_rate):
        yield from (span[start:end] for start, end in judge(span))
