import itertools
import shutil

import h5py
import numpy as np
import pytest
import torch

from melgan_vc.errors import UserError
from melgan_vc.networks import keras_file, notebook
from melgan_vc.networks.notebook import load_notebook
from tests.conftest import GOLDEN

IN_A_PROCESS = notebook.read_files
FOLDER = GOLDEN / "notebook_small_h5"
NAMES = ("gen.h5", "critic.h5", "siam.h5")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """A process takes half a second to start."""
    monkeypatch.setattr(notebook, "read_files", lambda paths: [keras_file.read_layers(path) for path in paths])


def test_a_process_of_its_own_reads_the_same(tmp_path, monkeypatch):
    paths = [FOLDER / name for name in NAMES]
    for layers, others in zip(IN_A_PROCESS(paths), notebook.read_files(paths), strict=True):
        assert [[*layer] for layer in layers] == [[*layer] for layer in others]
        for layer, other in zip(layers, others, strict=True):
            assert all(np.array_equal(layer[name], other[name]) for name in layer)
    with pytest.raises(UserError, match=r"gen\.h5 is missing: give the folder"):
        IN_A_PROCESS([tmp_path / "gen.h5"])
    patience = keras_file.PATIENCE
    monkeypatch.setattr(keras_file, "PATIENCE", 0.01)
    with pytest.raises(UserError, match="HDF5 does not end reading it"):
        IN_A_PROCESS(paths)
    monkeypatch.setattr(keras_file, "PATIENCE", patience)
    monkeypatch.setattr(keras_file.sys, "executable", "false")  # as a process that ends by a signal
    with pytest.raises(UserError, match="HDF5 fails at it"):
        IN_A_PROCESS(paths)


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


def external_storage(group, name, values, tmp_path):
    (tmp_path / "secret").write_bytes(values.tobytes())
    group.create_dataset(name, values.shape, "f4", external=[(str(tmp_path / "secret"), 0, values.nbytes)])


def external_link(group, name, values, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = values
    group[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")


def soft_link(group, name, values, tmp_path):
    group["hidden"] = values
    group[name] = h5py.SoftLink(f"{group.name}/hidden")


def virtual(group, name, values, tmp_path):
    external_link(group, "other", values, tmp_path)
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", values.shape)
    group.create_virtual_dataset(name, layout)


def plug_in(group, name, values, tmp_path):
    group.create_dataset(name, values.shape, "f4", chunks=values.shape, compression=32015, allow_unknown_filter=True)


def stored_as(dtype):
    def store(group, name, values, tmp_path):
        group.create_dataset(name, values.shape, dtype)

    return store


def claimed(*shape, **settings):
    def store(group, name, values, tmp_path):
        group.create_dataset(name, shape, "f4", **settings)

    return store


def not_finite(group, name, values, tmp_path):
    group[name] = values * np.inf


REFERENCE = h5py.special_dtype(ref=h5py.Reference)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (external_storage, "is stored in other files"),
        (external_link, "is reached by a link"),
        (soft_link, "is reached by a link"),
        (virtual, "is stored in other files"),
        (plug_in, "needs a plug-in"),
        (stored_as("i4"), "is of type int32, not floating point"),
        (stored_as(REFERENCE), "is of type object, not floating point"),
        (stored_as(h5py.string_dtype()), "is of type object, not floating point"),
        (stored_as(h5py.vlen_dtype("f4")), "is of type object, not floating point"),
        (stored_as([("a", "f4")]), "not floating point"),
        (stored_as("c8"), "is of type complex64, not floating point"),
        (claimed(1 << 20, 1 << 20, chunks=(16, 16)), "claims 1099511627776 values"),
        (claimed(1 << 20, 1 << 20, chunks=(1 << 10, 1 << 10), compression="gzip"), "claims 1099511627776 values"),
        (claimed(1000, 1000), "claims 1000000 values and holds 0 bytes"),
        (claimed(1, 1, chunks=(1 << 14, 1 << 14), maxshape=(None, None), compression="gzip"), "claims 1 values"),
        (lambda group, name, values, _: group.create_group(name), "is no array"),
        (not_finite, "holds NaN or infinite values"),
        (lambda group, name, values, _: group.create_dataset(name, data=np.float32(1)), "not those of the MelGAN-VC"),
        (claimed(48, 3, 1, 1 << 16, compression="gzip"), "has 65536 channels, and the others fewer"),
        (claimed(0, 0, 0, 0), "not those of the MelGAN-VC"),
    ],
)
def test_what_is_no_plain_array_of_the_file_is_refused(store, said, tmp_path):
    for name in NAMES:
        shutil.copy(FOLDER / name, tmp_path)
    with h5py.File(tmp_path / "gen.h5", "r+") as file:
        layer = file.attrs["layer_names"].astype(str)[2]
        group, name = file[layer], file[layer].attrs["weight_names"].astype(str)[0]
        group, values = group[name.rpartition("/")[0]], group[name][...]
        name = name.rpartition("/")[2]
        del group[name]
        store(group, name, values, tmp_path)
    with pytest.raises(UserError, match=said):
        load_notebook(tmp_path)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("layer_names", 5),
        ("layer_names", [b"x"] * 100),
        ("layer_names", [b"../../x"]),
        ("layer_names", [b"no such"]),
        ("layer_names", np.zeros((2, 2), "S3")),
        ("layer_names", []),
        ("weight_names", [1.0]),
        ("weight_names", [b"\xff"]),
    ],
)
def test_names_that_are_none_are_refused(attribute, value, tmp_path):
    for name in NAMES:
        shutil.copy(FOLDER / name, tmp_path)
    with h5py.File(tmp_path / "gen.h5", "r+") as file:
        holder = file if attribute == "layer_names" else file[file.attrs["layer_names"].astype(str)[2]]
        holder.attrs[attribute] = value
    with pytest.raises(UserError, match=r"cannot be read as Keras weights|not those of the MelGAN-VC"):
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
