import pytest

from melgan_vc.errors import UserError
from melgan_vc.spec import AudioSpec, ChunkSpec, PitchShift, PitchSpec, formants_of, spec_of


def test_signature_differs_with_any_number():
    one = AudioSpec(16000, 192, 1152, 192)
    assert one.signature == AudioSpec(16000, 192, 1152, 192).signature
    assert one.signature != AudioSpec(16000, 192, 1152, 192, top_db=None).signature


def test_frames_are_one_more_than_whole_hops():
    spec = AudioSpec(16000, 192, 1152, 192)
    assert [spec.frames(n) for n in (1, 191, 192, 1920)] == [1, 1, 2, 11]


@pytest.mark.parametrize(
    "numbers",
    [
        {"sample_rate": 0},
        {"hop_length": 600},
        {"n_mels": 1.5},
        {"max_frequency": 9000.0},
        {"min_frequency": 8000.0},
        {"range_db": 0.0},
    ],
)
def test_impossible_audio_is_refused(numbers):
    usual = {"sample_rate": 16000, "hop_length": 192, "n_fft": 1152, "n_mels": 192}
    with pytest.raises(UserError):
        AudioSpec(**(usual | numbers))


@pytest.mark.parametrize(("width", "splits"), [(22, 3), (0, 3), (24, 1), (24.0, 3)])
def test_impossible_chunks_are_refused(width, splits):
    with pytest.raises(UserError, match="chunk"):
        ChunkSpec(width, splits)


def test_window_is_all_chunks():
    assert ChunkSpec(24, 3).window == 72


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (AudioSpec, {"sample_rate": 16000, "hop": 192}, "audio.hop is unknown; audio has sample_rate, hop_length, "),
        (AudioSpec, {"sample_rate": 16000}, "audio.hop_length is missing"),
        (AudioSpec, [16000], r"audio is \[16000\], not a mapping"),
        (ChunkSpec, {"splits": 2}, "chunk.width is missing"),
        (ChunkSpec, {"width": 7}, "chunk.width is 7"),
    ],
)
def test_a_spec_in_a_file_is_refused_by_its_key(kind, values, said):
    with pytest.raises(UserError, match=said):
        spec_of(kind, values)
    assert spec_of(ChunkSpec, {"width": 8}) == ChunkSpec(8)


VOICES = {"source_f0": 180.0, "source_spread": 0.1, "target_f0": 126.0, "target_spread": 0.2, "formants": 0.89}


def test_a_source_is_moved_to_the_targets_pitch():
    shift = spec_of(PitchSpec, VOICES).shift
    assert shift == PitchShift(0.7, 0.89)
    assert spec_of(PitchSpec, VOICES).shift_from(180.0) == shift
    lower = spec_of(PitchSpec, VOICES).shift_from(90.0)
    assert lower.ratio == 1.4 and lower.formants == pytest.approx(0.89 * formants_of(2.0))
    assert spec_of(PitchSpec, VOICES).shift_from(1.0).ratio == 4.0, "which is the limit"
    assert shift.transposed(12) == PitchShift(1.4, 0.89)
    assert formants_of(1.69) == pytest.approx(1.19, abs=0.005)  # women and men of Peterson and Barney (1952)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source_f0": 0.0},
        {"target_f0": float("nan")},
        {"target_f0": "126"},
        {"source_spread": -0.1},
        {"formants": 3.0},
        {"source_f0": 1900.0},  # and so a ratio that no voice is moved by
        {"class": "os.system"},
    ],
)
def test_impossible_voices_are_refused(wrong):
    with pytest.raises(UserError, match="pitch"):
        spec_of(PitchSpec, VOICES | wrong)
