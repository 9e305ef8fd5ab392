"""Sessions: any rate, channels and blocks; as many samples out as in; honest counts of what came too late."""

import io

import numpy as np
import pytest

from melgan_vc.audio.griffin_lim import GriffinLim
from melgan_vc.bundle import Bundle
from melgan_vc.errors import UserError
from melgan_vc.inference import devices
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.devices import Fifo
from melgan_vc.inference.live import LiveSteps
from melgan_vc.inference.pcm import Pcm
from melgan_vc.inference.session import Clock, Session, Settings
from tests.conftest import TINY_AUDIO, hum


def session(bundle: Bundle, settings: Settings) -> Session:
    return Session(LiveSteps(Converter(bundle), GriffinLim(TINY_AUDIO, 1)), settings)


@pytest.mark.parametrize(("rate", "channels", "seconds"), [(8000, 1, 2.0), (44100, 2, 1.3), (16000, 3, 0.01)])
def test_as_many_samples_come_out_as_went_in(tiny_bundle: Bundle, rate: int, channels: int, seconds: float) -> None:
    live = session(tiny_bundle, Settings(rate, channels, rate // 10))
    sound = np.repeat(hum(seconds, rate, 150, 1)[:, None], channels, axis=1)
    given, late, pieces = 0, 0, []
    for block in np.array_split(sound, max(1, len(sound) // 777)):
        pieces.append(live.step(block))
        given += len(block)
        late = max(late, given - sum(map(len, pieces)))
    out = np.concatenate([*pieces, live.end()])
    assert out.shape == sound.shape
    assert late / rate <= live.latency + 777 / rate + 0.005
    assert all(np.array_equal(out[:, 0], out[:, one]) for one in range(channels))
    assert np.abs(out).max() <= 1


def test_nothing_in_gives_nothing(tiny_bundle: Bundle) -> None:
    assert session(tiny_bundle, Settings(8000, 2, 800)).end().shape == (0, 2)


def test_a_block_that_takes_too_long_is_a_drop_out_once_the_slack_is_used_up() -> None:
    clock = Clock(slack=0.1)
    for spent in (0.05, 0.15, 0.15, 0.05, 0.25):
        clock.note(spent, 0.1)
    assert clock.dropouts == 1  # 0, .05, .1, .05, .2
    for _ in range(95):
        clock.note(0.01, 0.1)
    assert clock.percentile(0.5) == pytest.approx(0.01, abs=2e-4)
    assert clock.percentile(0.99) == pytest.approx(0.15, abs=2e-4)


@pytest.mark.parametrize("name", ["s16", "f32"])
def test_raw_samples_come_back_as_they_were(name: str) -> None:
    pcm = Pcm(name, 2)
    block = np.linspace(-1, 1, 20, dtype=np.float32).reshape(10, 2)
    read = list(pcm.read(io.BytesIO(pcm.bytes(block) + b"x"), 4))  # half a sample at the end
    assert [len(one) for one in read] == [4, 4, 2]
    assert np.allclose(np.concatenate(read), block, atol=1 / 32767)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -3e38, 1e4, 1e-40])
def test_what_is_no_sound_is_replaced_by_silence_and_leaves_nothing_behind(
    tiny_bundle: Bundle, value: float, rate: int
) -> None:
    sound = np.repeat(hum(2.0, rate, 150, 1)[:, None], 2, axis=1)
    silenced, spoiled = sound.copy(), sound.copy()
    silenced[5000:5100, 1], spoiled[5000:5100, 1] = 0, value
    silenced[9000], spoiled[9000] = 0, value

    def heard(given: np.ndarray) -> tuple[np.ndarray, str]:
        live = session(tiny_bundle, Settings(rate, 2, rate // 10))
        pieces = [live.step(block) for block in np.array_split(given, 20)]
        return np.concatenate([*pieces, live.end()]), live.report()

    (wanted, plain), (found, told) = heard(silenced), heard(spoiled)
    assert np.isfinite(wanted).all() and np.abs(wanted).max() > 0.001
    assert np.array_equal(found, wanted)
    assert "no sound" not in plain and ("102 samples were no sound" in told or abs(value) < 1)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UserError, match="format is 'mp3'"):
        Pcm("mp3", 1)


def test_what_waits_to_be_played_starts_with_its_delay_and_counts_gaps() -> None:
    fifo = Fifo(1, delay=3)
    out = np.ones((4, 1), np.float32)
    fifo.put(np.full((2, 1), 0.5, np.float32))
    fifo.take(out)
    assert out[:, 0].tolist() == [0, 0, 0, 0.5] and fifo.dropouts == 0
    fifo.take(out)
    assert out[:, 0].tolist() == [0.5, 0, 0, 0] and fifo.dropouts == 1


def test_devices_that_are_too_fast_lose_blocks_and_count_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        PortAudioError = OSError

        class Stream:
            """Calls back as PortAudio does, faster than anything is converted."""

            def __init__(self, rate, block, names, channels, kind, callback, finished_callback) -> None:  # type: ignore[no-untyped-def]
                self.callback, self.finished, self.shape = callback, finished_callback, (block, channels)

            def __enter__(self) -> None:
                for number in range(devices.MOST + 5):
                    self.callback(np.full(self.shape, number, np.float32), np.zeros(self.shape), 4, None, Status)
                self.finished()

            def __exit__(self, *error: object) -> None:
                pass

    class Status:
        input_overflow = False

    monkeypatch.setattr(devices, "portaudio", lambda: Library)
    opened = devices.Devices(8000, 2, 4, 8, (None, None))
    converted = []
    for _ in opened.run(lambda block: converted.append(block) or block):
        pass
    assert [int(block[0, 0]) for block in converted] == list(range(devices.MOST)) and opened.overflows == 5
    assert opened.played.dropouts == devices.MOST + 5 - 2  # the delay lasted for two blocks
