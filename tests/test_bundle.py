import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from melgan_vc import bundle
from melgan_vc.errors import UserError
from tests.conftest import TINY_AUDIO, TINY_CHUNK


def rewrite(path, change):
    """Save a bundle again with a changed description."""
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    about = json.loads(metadata["about"])
    change(about, tensors)
    save_file(tensors, path, metadata=metadata | {"about": json.dumps(about)})


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


def change_bins(about, tensors):
    about["audio"]["n_mels"] += 1


def change_class(about, tensors):
    about["generator"]["class"] = "os.system"


def drop_weight(about, tensors):
    tensors.pop("bias")


def drop_audio(about, tensors):
    about.pop("audio")


def claim_more_channels(about, tensors):
    about["generator"]["arguments"]["channels"] = 100_000  # terabytes


def claim_another_type(about, tensors):
    about["generator"] = ["UNetGenerator"]


def claim_a_huge_window(about, tensors):
    about["audio"]["n_fft"] = 10**12


def add_weight(about, tensors):
    tensors["more"] = torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_bins, "25 mel bins, its generator 24"),
        (change_class, r"'os.system', not one of melgan_vc.networks.\*"),
        (drop_weight, "weights do not fit"),
        (drop_audio, "damaged"),
        (claim_more_channels, "weights do not fit"),
        (claim_another_type, "damaged"),
        (claim_a_huge_window, "n_fft is 1000000000000"),
        (add_weight, r"more is \(2, 3\), nothing expected"),
    ],
)
def test_what_does_not_fit_is_refused(saved, change, said):
    rewrite(saved, change)
    with pytest.raises(UserError, match=said):
        bundle.load(saved)


def test_other_files_are_refused(saved, tmp_path):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(UserError, match="cannot be read as a bundle"):
        bundle.load(saved)
    pickled = tmp_path / "pickled.safetensors"
    torch.save({"x": torch.zeros(3)}, pickled)
    with pytest.raises(UserError, match="cannot be read as a bundle"):
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
    save_file(tensors, saved, metadata={"about": json.dumps(about | {"format": "melgan_vc bundle 3"})})
    with pytest.raises(UserError, match=r"version 3, and this melgan_vc knows versions up to 2; update it"):
        bundle.load(saved)
