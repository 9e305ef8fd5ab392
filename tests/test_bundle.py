import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from melgan_vc import bundle
from melgan_vc.bundle_header import FORMAT, VERSION, read_header
from melgan_vc.errors import UserError
from melgan_vc.spec import PitchSpec
from tests.conftest import TINY_AUDIO, TINY_CHUNK
from tests.test_spec import VOICES


def rewrite(path, change):
    """Save a bundle again with a changed description."""
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    about = json.loads(metadata["about"])
    change(about, tensors)
    raw = about.get("provenance", {}).get("more") if isinstance(about.get("provenance"), dict) else None
    text = json.dumps(about)
    if isinstance(raw, Raw):
        text = text.replace(json.dumps(raw), raw)
    save_file(tensors, path, metadata=metadata | {"about": text})


@pytest.fixture
def saved(tiny_bundle, tmp_path):
    path = tmp_path / "run é" / bundle.NAME
    tiny_bundle.save(path)
    return path


def test_comes_back_as_it_was(tiny_bundle, saved):
    for given in (saved, saved.parent):
        back = bundle.load(given)
        assert (back.audio, back.chunk, dict(back.provenance)) == (TINY_AUDIO, TINY_CHUNK, {"made for": "tests"})
        chunk = torch.randn(2, TINY_AUDIO.n_mels, 8)
        assert torch.equal(back.generator(chunk), tiny_bundle.generator(chunk))
    assert [file.name for file in saved.parent.iterdir()] == [bundle.NAME]


def test_the_voices_it_was_trained_with_come_back(tiny_bundle, saved):
    assert bundle.load(saved).pitch is None and read_header(saved).about["format"] == FORMAT
    pitch = PitchSpec(180.0, 0.1, 126.0, 0.2, 0.89)
    replace(tiny_bundle, pitch=pitch).save(saved)
    assert bundle.load(saved).pitch == pitch
    assert read_header(saved).about["format"] != FORMAT, "older versions, which would not move a source, refuse it"


@pytest.mark.parametrize(
    ("pitch", "said"),
    [
        ({"source_f0": 180.0}, "pitch.source_spread is missing"),
        ({**VOICES, "target_f0": 1e9}, r"pitch.target_f0 is 1000000000\.0"),
        ({**VOICES, "formants": "os.system"}, "formants is 'os.system'"),
        ("match", "pitch is 'match', not a mapping"),
        (None, "pitch is None"),
    ],
)
def test_voices_that_cannot_be_are_refused(saved, pitch, said):
    rewrite(saved, lambda about, tensors: about.update(pitch=pitch))
    with pytest.raises(UserError, match=said):
        bundle.load(saved)


def test_packing_leaves_the_generator_trainable():
    from melgan_vc.networks.generator import UNetGenerator

    generator = UNetGenerator(TINY_AUDIO.n_mels, channels=8).train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    torch.manual_seed(3)
    bundle.pack(generator, {"n_mels": TINY_AUDIO.n_mels, "channels": 8}, TINY_AUDIO, TINY_CHUNK, {})
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert generator.training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert generator(torch.randn(2, TINY_AUDIO.n_mels, 8)).requires_grad


def test_a_diverged_generator_is_refused(tiny_bundle):
    from melgan_vc.networks.generator import UNetGenerator

    generator = UNetGenerator(TINY_AUDIO.n_mels, channels=8)
    with torch.no_grad():
        generator.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="diverged"):
        bundle.pack(generator, {"n_mels": TINY_AUDIO.n_mels, "channels": 8}, TINY_AUDIO, TINY_CHUNK, {})


class Raw(str):
    """JSON to be written as it is."""


def test_what_would_not_be_read_again_is_not_packed(monkeypatch):
    from melgan_vc.networks.generator import UNetGenerator

    generator, given = UNetGenerator(TINY_AUDIO.n_mels, channels=8), {"n_mels": TINY_AUDIO.n_mels, "channels": 8}
    monkeypatch.setattr(bundle, "LARGEST_WEIGHTS", 1 << 10)
    with pytest.raises(UserError, match="its weights take 0 MiB, and a bundle holds 0; make it smaller"):
        bundle.pack(generator, given, TINY_AUDIO, TINY_CHUNK, {})
    generator.register_buffer("phase", torch.zeros(1, dtype=torch.complex64))
    with pytest.raises(UserError, match=r"phase is of type torch\.complex64, which no bundle holds"):
        bundle.pack(generator, given, TINY_AUDIO, TINY_CHUNK, {})


def sets(*keys, to):
    """Set an entry of the description."""

    def change(about, tensors):
        inner = about
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return change


def drops(key):
    return lambda about, tensors: about.pop(key)


def weight(name, change):
    """Change a weight in place, or give another one."""

    def changed(about, tensors):
        tensors[name] = change(tensors[name].clone())

    return changed


ARGUMENTS = ("generator", "arguments")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (sets("audio", "n_mels", to=25), "25 mel bins, its generator 24"),
        (sets("audio", "n_fft", to=10**12), "n_fft is 1000000000000"),
        (sets("audio", "n_fft", to=True), "n_fft is True"),
        (sets("audio", "sample_rate", to=8000.0), r"sample_rate is 8000\.0"),
        (sets("audio", "hop_length", to=2), "n_fft 512 is over 128 times audio.hop_length 2"),
        (sets("audio", "reference_db", to=1e308), r"reference_db is 1e\+308: give a number of dB"),
        (sets("audio", "range_db", to=float("nan")), "range_db is nan"),
        (sets("audio", "range_db", to=1e-300), "range_db is 1e-300"),
        (sets("audio", "top_db", to=float("inf")), "top_db is inf"),
        (sets("audio", "min_frequency", to=float("nan")), "frequencies nan to"),
        (sets("audio", "max_frequency", to="4000"), "frequencies 0.0 to '4000'"),
        (sets("audio", "more", to=1), r"audio\.more is unknown; audio has .*export it again"),
        (sets("audio", to=[1]), r"audio is \[1\], not a mapping"),
        (drops("audio"), "audio is None, not a mapping"),
        (sets("chunk", "width", to=10**6), "width is 1000000"),
        (sets("chunk", "splits", to=10**6), "splits is 1000000"),
        (sets("chunk", to=None), "chunk is None, not a mapping"),
        (sets("generator", "class", to="os.system"), r"'os.system', not one of melgan_vc.networks"),
        (sets("generator", "class", to="melgan_vc.networks.siamese.Siamese"), "damaged .*spectral"),
        (sets("generator", "class", to=7), "damaged"),
        (sets("generator", to=["UNetGenerator"]), "damaged"),
        (sets(*ARGUMENTS, to=[24]), "damaged"),
        (sets(*ARGUMENTS, "channels", to=100_000), "weights do not fit"),  # terabytes
        (sets(*ARGUMENTS, "channels", to=2**62), "damaged"),
        (sets(*ARGUMENTS, "channels", to=-8), "give 1 channel or more"),
        (sets(*ARGUMENTS, "channels", to=8.0), r"channels is 8\.0, not of type int"),
        (sets(*ARGUMENTS, "channels", to=True), "channels is True, not of type int"),
        (sets(*ARGUMENTS, "channels", to={"a": [8]}), "channels is {'a': .*, not of type int"),
        (sets(*ARGUMENTS, "spectral", to=0), "spectral is 0, not of type bool"),
        (sets(*ARGUMENTS, "spectral", to=True), "spectral norms are not folded"),
        (sets(*ARGUMENTS, "norm", to="layer"), "norm is 'layer'"),
        (sets(*ARGUMENTS, "more", to=1), "damaged .*more"),
        (sets("provenance", to=[1]), r"provenance is \[1\]"),
        (sets("provenance", "batches", to="5"), r"provenance\.batches is '5'"),
        (sets("provenance", "batches", to=10**30), "over 64 bits"),
        (sets("provenance", "held_out", to={"cosine": "high"}), r"provenance\.held_out is"),
        (sets("provenance", "card", to={"licence": ["MIT"]}), r"provenance\.card is"),
        (sets("provenance", "more", to=Raw("[" * 100_000 + "]" * 100_000)), "nested too deeply"),
        (sets("provenance", "more", to=Raw("[" * 40 + "]" * 40)), "nested too deeply"),
        (sets("provenance", "more", to=Raw("9" * 5000)), "damaged header"),
        (sets("provenance", "more", to=Raw('1, "more": 2')), "'more' is there twice"),
        (weight("bias", lambda value: value / 0), r"NaN or infinite \(bias\)"),
        (weight("enter.0.weight", lambda value: value.fill_(float("-inf"))), r"NaN or infinite \(enter"),
        (weight("bias", lambda value: torch.tensor([1e300], dtype=torch.float64)), "NaN or infinite"),
        (weight("bias", lambda value: value.long()), "bias is of type I64, torch.float32 expected"),
        (weight("bias", lambda value: value.bool()), "bias is of type BOOL, torch.float32 expected"),
        (weight("bias", lambda value: torch.zeros(2, 3)), r"bias is \(2, 3\), \(1,\) expected"),
        (weight("enter.1.running_var", lambda value: value - 9), "gives NaN or infinite values for a chunk"),
        (weight("enter.1.num_batches_tracked", lambda value: value.float()), "is of type F32, torch.int64 expected"),
        (lambda about, tensors: tensors.pop("bias"), "bias is missing"),
        (lambda about, tensors: tensors.update(more=torch.zeros(2, 3)), r"more is \(2, 3\), nothing expected"),
    ],
)
def test_what_does_not_fit_is_refused(change, said, saved):
    rewrite(saved, change)
    with pytest.raises(UserError, match=said) as raised:
        bundle.load(saved)
    assert "\n" not in str(raised.value)
    assert str(saved) in str(raised.value)


def test_weights_of_other_precision_are_converted(tiny_bundle, saved):
    halved = weight("bias", lambda value: value.to(torch.bfloat16))
    rewrite(saved, halved)
    back = bundle.load(saved).generator
    assert {value.dtype for value in back.parameters()} == {torch.float32}
    assert not any(value.is_meta for value in back.buffers())


def test_a_file_that_becomes_shorter_is_refused(saved, monkeypatch):
    """As another process may cut it off; to map it into memory would end this one without a word."""
    described = bundle.described

    def cut(about, path, trust):
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 10)
        return described(about, path, trust)

    monkeypatch.setattr(bundle, "described", cut)
    with pytest.raises(UserError, match="became shorter while it was read"):
        bundle.load(saved)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            {
                "__metadata__": {"about": '{"format": "melgan_vc bundle 2"}'},
                "x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
            },
            r"bytes, 4398046511\d+ expected",
        ),
        ({"x": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}, "a shape or a place that is none"),
        ({"x": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, "a shape or a place that is none"),
        ({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, "does not lie where its shape puts it"),
        ({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "xy"}, "does not lie where"),
        ({"x": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}, "damaged header"),
        ({"x": {"dtype": "F32", "shape": [1]}}, "damaged header"),
        ({"x": 5}, "damaged header"),
        ({"__metadata__": ["about"]}, "damaged header"),
        ({"__metadata__": {"about": 5}}, "damaged header"),
        ({"__metadata__": {"about": "[]"}}, "no JSON object"),
        (["x"], "no JSON object"),
    ],
)
def test_headers_that_lie_are_refused(entries, said, tmp_path):
    text = json.dumps(entries).encode()
    (tmp_path / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(UserError, match=said):
        bundle.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"{" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"a": Infinit}'])
def test_headers_that_are_no_json_are_refused(text, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(UserError, match="cannot be read as a bundle"):
        bundle.load(tmp_path / "x.safetensors")


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "loop.safetensors").symlink_to("loop.safetensors")
    (tmp_path / bundle.NAME).mkdir()
    for path in (tmp_path / "pipe.safetensors", tmp_path / "loop.safetensors", Path("/dev/zero"), tmp_path):
        with pytest.raises(UserError, match=r"no regular file|no such bundle|no bundle"):
            bundle.load(path)


def test_other_files_are_refused(saved, tmp_path):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read as a bundle"):
        bundle.load(saved)
    pickled = tmp_path / "pickled.safetensors"
    torch.save({"x": torch.zeros(3)}, pickled)
    with pytest.raises(UserError, match="is a checkpoint or another zip file"):
        bundle.load(pickled)
    huge = tmp_path / "huge.safetensors"
    huge.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(UserError, match="cannot be read as a bundle"):
        bundle.load(huge)
    (tmp_path / "x.safetensors").write_text("text")
    with pytest.raises(UserError, match="cannot be read as a bundle"):
        bundle.load(tmp_path / "x.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="format None found"):
        bundle.load(tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"no bundle\.safetensors in this folder"):
        bundle.load(tmp_path)
    with pytest.raises(UserError, match="no such bundle"):
        bundle.load(tmp_path / "none")


def test_another_front_end_is_refused(tiny_bundle):
    tiny_bundle.check_audio(TINY_AUDIO)
    from dataclasses import replace

    with pytest.raises(UserError, match=r"sample_rate 16000 \(bundle 8000\)"):
        tiny_bundle.check_audio(replace(TINY_AUDIO, sample_rate=16000))


def test_the_first_version_loads_and_a_later_one_says_what_to_do(tiny_bundle, saved):
    with safe_open(saved, framework="pt") as file:
        tensors, about = {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["about"])  # noqa: SIM118
    del about["format"]
    save_file(tensors, saved, metadata={"format": "melgan_vc bundle 1", "about": json.dumps(about)})
    chunk = torch.randn(2, TINY_AUDIO.n_mels, 8)
    assert torch.equal(bundle.load(saved).generator(chunk), tiny_bundle.generator(chunk))
    save_file(tensors, saved, metadata={"about": json.dumps(about | {"format": f"melgan_vc bundle {VERSION + 1}"})})
    said = f"version {VERSION + 1}, and this melgan_vc knows versions up to {VERSION}; update it"
    with pytest.raises(UserError, match=said):
        bundle.load(saved)
