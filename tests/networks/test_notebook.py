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


class NotebookInTwoDimensions:
    """The notebook's generator as it is written there: 2-D convolutions over (mel, frame) images, Keras kernels.

    An independent reference for sizes that the recorded outputs do not have.
    """

    def __init__(self, n_mels: int, channels: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        draw = lambda *shape: (random.standard_normal(shape) * 0.1).astype(np.float32)  # noqa: E731
        c = channels
        shapes = [(n_mels, 3, 1, c), (1, 9, c, c), (1, 7, c, c), (1, 7, c, c), (1, 9, 2 * c, c), (n_mels, 1, 1, 2 * c)]
        self.kernels = [draw(*shape) for shape in shapes]
        self.us = [self.leading(kernel) for kernel in self.kernels]
        self.norms = [[draw(c) + 1, draw(c), draw(c), np.abs(draw(c)) + 0.5] for _ in range(4)]
        self.bias = draw(1)

    @staticmethod
    def leading(kernel: np.ndarray) -> np.ndarray:
        return np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]))[2][:1].astype(np.float32)

    def save(self, path) -> None:
        layers = []
        for number, (kernel, u) in enumerate(zip(self.kernels, self.us, strict=True)):
            weights = {f"layer{number}_u": u, "kernel": kernel} | ({"bias": self.bias} if number == 5 else {})
            layers.append((f"layer{number}", weights))
            if number < 4:
                names = ("gamma", "beta", "moving_mean", "moving_variance")
                layers.append((f"norm{number}", dict(zip(names, self.norms[number], strict=True))))
        save_layers(path, layers)

    def __call__(self, chunk: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(chunk)[:, None]  # (B, 1, M, W)
        first = self.block(torch.nn.functional.pad(image, (1, 1)), 0, stride=1, same=False)
        second = self.block(first, 1, stride=2)
        third = self.block(second, 2, stride=2)
        up = torch.cat([self.block(third.repeat_interleave(2, -1), 3, stride=1), second], 1)
        up = torch.cat([self.block(up.repeat_interleave(2, -1), 4, stride=1), first], 1)
        kernel = torch.from_numpy(self.normed(5)).permute(3, 2, 0, 1)  # transposed: (in, out, kh, kw)
        out = torch.nn.functional.conv_transpose2d(up, kernel) + torch.from_numpy(self.bias)
        return torch.tanh(out)[:, 0].numpy()

    def normed(self, number: int) -> np.ndarray:
        kernel = self.kernels[number]
        return kernel / np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)

    def block(self, image: torch.Tensor, number: int, stride: int, same: bool = True) -> torch.Tensor:
        kernel = torch.from_numpy(self.normed(number)).permute(3, 2, 0, 1)
        if same:
            total = max((-(-image.shape[-1] // stride) - 1) * stride + kernel.shape[-1] - image.shape[-1], 0)
            image = torch.nn.functional.pad(image, (total // 2, total - total // 2))
        out = torch.nn.functional.conv2d(image, kernel, stride=(1, stride))
        if number < 4:
            gamma, beta, mean, variance = (torch.from_numpy(value)[:, None, None] for value in self.norms[number])
            out = (out - mean) / torch.sqrt(variance + 1e-3) * gamma + beta
        return torch.nn.functional.leaky_relu(out, 0.2)


def save_layers(path, layers) -> None:
    """Weights as Keras saves them: layers in order, each with its weights under its own name twice."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, weights in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in weights]
            for key, value in weights.items():
                group[f"{name}/{key}:0"] = value


@pytest.mark.parametrize(
    ("n_mels", "channels", "width", "splits"), [(20, 6, 8, 2), (64, 12, 32, 3), (30, 5, 20, 4), (192, 4, 16, 3)]
)
def test_weights_of_other_sizes_equal_a_reference_in_two_dimensions(n_mels, channels, width, splits, tmp_path):
    reference = NotebookInTwoDimensions(n_mels, channels, seed=n_mels)
    reference.save(tmp_path / "gen.h5")
    draw = np.random.default_rng(1).standard_normal
    trunk = [(n_mels, 3, 1, 7), (1, 9, 7, 7), (1, 7, 7, 7)]
    norm = {name: np.ones(7, np.float32) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    critic = [
        (f"c{i}", {"kernel": draw(s).astype("f4"), f"c{i}_u": draw((1, 7)).astype("f4")}) for i, s in enumerate(trunk)
    ]
    frames = width * splits // 4
    head = {"kernel": draw((7 * frames, 1)).astype("f4"), "d_u": np.ones((1, 1), "f4"), "bias": np.zeros(1, "f4")}
    save_layers(tmp_path / "critic.h5", [*critic, ("d", head)])
    siamese = [
        pair for i, s in enumerate(trunk) for pair in ((f"s{i}", {"kernel": draw(s).astype("f4")}), (f"n{i}", norm))
    ]
    dense = {"kernel": draw((7 * (width // 4), 9)).astype("f4"), "bias": np.zeros(9, "f4")}
    save_layers(tmp_path / "siam.h5", [*siamese, ("e", dense)])

    found = load_notebook(tmp_path)
    assert (found.n_mels, found.channels, found.width, found.splits) == (n_mels, channels, width, splits)
    chunk = draw((3, n_mels, width)).astype(np.float32)
    with torch.inference_mode():
        assert np.abs(found.generator(torch.from_numpy(chunk)).numpy() - reference(chunk)).max() < 1e-5
        assert found.discriminator(torch.zeros(2, n_mels, width * splits)).shape == (2,)
        assert found.siamese(torch.zeros(2, n_mels, width)).shape == (2, 9)
