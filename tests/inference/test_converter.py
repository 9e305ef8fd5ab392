import numpy as np
import pytest
import torch

from melgan_vc.bundle import pack
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.networks.notebook import load_notebook
from melgan_vc.spec import AudioSpec, ChunkSpec
from tests.conftest import GOLDEN, TINY_AUDIO


@pytest.mark.parametrize("frames", [25, 47, 100, 167])
def test_any_length_equals_the_notebooks_conversion(golden, frames):
    found = load_notebook(GOLDEN / "notebook_small_h5")
    audio, chunk = AudioSpec(16000, 48, 288, 48), ChunkSpec(found.width, found.splits)
    bundle = pack(found.generator, {"n_mels": 48, "channels": found.channels}, audio, chunk, {}, settle=False)
    converted = Converter(bundle, overlap=0).convert(golden[f"convert/input_{frames}"])
    assert np.abs(converted - golden[f"convert/output_{frames}"]).max() < 1e-4


@pytest.mark.parametrize("tail", ["context", "pad"])
@pytest.mark.parametrize("frames", [1, 7, 8, 9, 100])
def test_same_shape_and_type_for_any_length(tiny_bundle, frames, tail):
    mel = np.random.default_rng(0).uniform(-1, 1, (TINY_AUDIO.n_mels, frames)).astype(np.float32)
    converter = Converter(tiny_bundle)
    converted = converter.convert(mel, tail)
    assert (converted.shape, converted.dtype) == (mel.shape, np.float32)
    tensor = converter.convert(torch.from_numpy(mel), tail)
    assert np.array_equal(tensor.numpy(), converted)


def test_chunks_at_once_change_nothing(tiny_bundle):
    mel = torch.rand(TINY_AUDIO.n_mels, 100)
    assert torch.allclose(
        Converter(tiny_bundle, chunks_at_once=3).convert(mel), Converter(tiny_bundle).convert(mel), atol=1e-6
    )


def test_loads_a_run_directory(tiny_bundle, tmp_path):
    tiny_bundle.save(tmp_path / "bundle.safetensors")
    mel = torch.rand(TINY_AUDIO.n_mels, 20)
    assert torch.equal(Converter.load(tmp_path).convert(mel), Converter(tiny_bundle).convert(mel))


@pytest.mark.parametrize(
    ("mel", "tail", "said"),
    [
        (torch.zeros(5, 10), "context", r"shape \(5, 10\); this bundle takes \(24, T\)"),
        (torch.zeros(24, 0), "context", "T of at least 1"),
        (torch.full((24, 9), float("nan")), "context", "NaN"),
        (torch.zeros(24, 9), "mirror", "context, pad"),
    ],
)
def test_what_it_cannot_convert_is_refused(tiny_bundle, mel, tail, said):
    with pytest.raises(UserError, match=said):
        Converter(tiny_bundle).convert(mel, tail)
