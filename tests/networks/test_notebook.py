import itertools
import shutil

import h5py
import numpy as np
import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.networks.notebook import load_notebook
from tests.conftest import GOLDEN

FOLDER = GOLDEN / "notebook_small_h5"
NAMES = ("gen.h5", "critic.h5", "siam.h5")


@pytest.mark.parametrize(
    ("network", "given"), [("generator", "chunk"), ("siamese", "chunk"), ("discriminator", "wide")]
)
def test_forward_passes_equal_the_notebooks(golden, network, given):
    with torch.inference_mode():
        out = getattr(load_notebook(FOLDER), network)(torch.from_numpy(golden[f"forward/{given}"]))
    assert np.abs(out.numpy() - golden[f"forward/{network}"]).max() < 1e-5


def test_sizes_are_read_off_the_weights():
    found = load_notebook(FOLDER)
    assert (found.n_mels, found.channels, found.width, found.splits) == (48, 16, 24, 3)


def test_a_missing_file_is_named(tmp_path):
    shutil.copy(FOLDER / "gen.h5", tmp_path)
    with pytest.raises(UserError, match=r"critic\.h5 is missing"):
        load_notebook(tmp_path)


def test_other_files_are_refused(tmp_path):
    for name in ("gen.h5", "critic.h5", "siam.h5"):
        (tmp_path / name).write_text("no hdf5")
    with pytest.raises(UserError, match=r"gen\.h5 cannot be read"):
        load_notebook(tmp_path)


@pytest.mark.parametrize("others", [o for o in itertools.product(NAMES, repeat=3) if o != NAMES])
def test_networks_in_each_others_files_are_refused(others, tmp_path):
    for name, other in zip(NAMES, others, strict=True):
        shutil.copy(FOLDER / other, tmp_path / name)
    with pytest.raises(UserError, match="not those of the MelGAN-VC notebook"):
        load_notebook(tmp_path)


def unit(vector):
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(("layer", "kernel"), [("conv_sn2d_1", "down1.0"), ("conv_sn2d_transpose", "leave")])
def test_the_saved_power_iteration_goes_on_as_the_notebook_does(layer, kernel, tmp_path):
    """One iteration from the saved u, which after a real training is not the leading singular vector."""
    for name in NAMES:
        shutil.copy(FOLDER / name, tmp_path / name)
    with h5py.File(tmp_path / "gen.h5", "r+") as file:
        group = file[layer][layer]
        u = np.random.default_rng(0).standard_normal(group[f"{layer}_u:0"].shape).astype(np.float32)
        group[f"{layer}_u:0"][...] = u
        matrix = group["kernel:0"][...]
    matrix = matrix.reshape(-1, matrix.shape[-1])
    v = unit(u @ matrix.T)
    sigma = (v @ matrix @ unit(v @ matrix).T).item()
    weight = load_notebook(tmp_path).generator.get_submodule(kernel).weight
    assert np.linalg.norm(weight.detach()) == pytest.approx(np.linalg.norm(matrix) / sigma, rel=1e-5)


def test_weights_inside_a_whole_saved_model_are_found(tmp_path, golden):
    for name in ("gen.h5", "critic.h5", "siam.h5"):
        with h5py.File(FOLDER / name) as plain, h5py.File(tmp_path / name, "w") as whole:
            group = whole.create_group("model_weights")
            for key, value in plain.attrs.items():
                group.attrs[key] = value
            for key in plain:
                plain.copy(key, group)
    with torch.inference_mode():
        out = load_notebook(tmp_path).generator(torch.from_numpy(golden["forward/chunk"]))
    assert np.abs(out.numpy() - golden["forward/generator"]).max() < 1e-5
