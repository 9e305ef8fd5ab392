"""Exported bundles compute what the converter does, for any batch and length, and say what they are."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from melgan_vc.audio.mel import MelTransform
from melgan_vc.bundle import Bundle
from melgan_vc.errors import UserError
from melgan_vc.inference.converter import Converter
from melgan_vc.inference.export import SUFFIXES, export, onnx_read, program_read, script_read
from melgan_vc.inference.whole import WholeMel
from melgan_vc.spec import PitchSpec
from tests.conftest import ROOT, TINY_AUDIO, hum

READ = {"onnx": onnx_read, "torchscript": script_read, "torch_export": program_read}
WIDTH = 8


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
@pytest.mark.parametrize("spare", [0, 1])
def test_all_at_once_is_chunk_by_chunk(tiny_bundle: Bundle, overlap: float, spare: int) -> None:
    converter = Converter(tiny_bundle, overlap=overlap)
    whole = WholeMel(converter, spare).eval()
    for frames in (1, 5, 7, 8, 9, 12, 16, 17, 50):
        mels = 2 * torch.rand(2, TINY_AUDIO.n_mels, frames) - 1
        with torch.no_grad():
            found = whole(mels)
        assert torch.allclose(found, torch.stack([converter.convert(mel) for mel in mels]), atol=1e-5)


@pytest.mark.parametrize("kind", list(SUFFIXES))
def test_exported_files_take_any_batch_and_length(tiny_bundle: Bundle, tmp_path: Path, kind: str) -> None:
    converter = Converter(tiny_bundle)
    path = tmp_path / "exported é" / f"voice{SUFFIXES[kind]}"
    about = export(converter, path, kind)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert max(about["parity"].values()) < 1e-4 and len(about["parity"]) == 8
    run = READ[kind](path)
    for batch, frames in ((1, 1), (1, WIDTH + 1), (3, 47), (7, 100)):
        mels = 2 * torch.rand(batch, TINY_AUDIO.n_mels, frames) - 1
        wanted = torch.stack([converter.convert(mel) for mel in mels])
        assert torch.allclose(torch.as_tensor(run(mels)), wanted, atol=1e-4)


def test_metadata_say_what_it_was_made_for(tiny_bundle: Bundle, tmp_path: Path) -> None:
    import onnxruntime

    export(Converter(tiny_bundle), tmp_path / "x.onnx", "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["melgan_vc"])
    assert (about["audio"]["sample_rate"], about["chunk"]["width"], about["hop"]) == (8000, 8, 4)
    assert about["provenance"] == {"made for": "tests"} and about["parity"]
    files = {"melgan_vc.json": ""}
    export(Converter(tiny_bundle), tmp_path / "x.pt", "torchscript")
    torch.jit.load(tmp_path / "x.pt", _extra_files=files)
    assert json.loads(files["melgan_vc.json"])["audio"] == about["audio"]


def test_metadata_and_the_example_tell_of_a_source_that_is_shifted(tiny_bundle: Bundle, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    pitch = PitchSpec(180.0, 0.1, 126.0, 0.2, 0.89)
    about = export(Converter(replace(tiny_bundle, pitch=pitch)), tmp_path / "x.pt", "torchscript")
    assert about["pitch"] == asdict(pitch)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("mel", "converted")]
    graph = helper.make_graph([helper.make_node("Identity", ["mel"], ["converted"])], "x", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    model.metadata_props.add(key="melgan_vc", value=json.dumps(about))
    onnx.save(model, tmp_path / "x.onnx")
    command = [sys.executable, str(ROOT / "examples" / "convert_onnx.py"), "x.onnx", "in.wav", "out.wav"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "shifts the pitch of its source" in done.stderr


def test_the_example_converts_with_numpy_and_onnxruntime_alone(tiny_bundle: Bundle, tmp_path: Path) -> None:
    export(Converter(tiny_bundle), tmp_path / "x.onnx", "onnx")
    soundfile.write(tmp_path / "in.wav", hum(1, 8000, 150, 1), 8000)
    example = ROOT / "examples" / "convert_onnx.py"
    ban = "import sys, runpy; sys.modules['torch'] = None; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    arguments = [sys.executable, "-c", ban, str(example), "x.onnx", "in.wav", "out.wav"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "out.wav").frames == 8000


def test_its_front_end_is_ours() -> None:
    from dataclasses import asdict
    from runpy import run_path

    waveform = hum(1, 8000, 150, 1)
    theirs = run_path(str(ROOT / "examples" / "convert_onnx.py"))["FrontEnd"](asdict(TINY_AUDIO)).mel(waveform)
    ours = MelTransform(TINY_AUDIO)(torch.from_numpy(waveform)).numpy()
    assert np.abs(theirs[:, : ours.shape[1]] - ours).max() < 2e-3


def test_wrong_names_are_refused(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="format is 'tflite'"):
        export(Converter(tiny_bundle), tmp_path / "x.onnx", "tflite")
    with pytest.raises(UserError, match=r"ends in \.pt2"):
        export(Converter(tiny_bundle), tmp_path / "x.onnx", "torch_export")
