"""Read the three networks that the authors' notebook saves as gen.h5, critic.h5 and siam.h5."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from melgan_vc.errors import UserError
from melgan_vc.networks.discriminator import Discriminator
from melgan_vc.networks.generator import UNetGenerator
from melgan_vc.networks.keras_file import Weights, read_files
from melgan_vc.networks.siamese import Siamese

FILES = {"generator": "gen.h5", "discriminator": "critic.h5", "siamese": "siam.h5"}


@dataclass(frozen=True)
class NotebookNetworks:
    """The notebook's networks in inference mode, and the sizes that were read off their weights."""

    generator: UNetGenerator
    discriminator: Discriminator
    siamese: Siamese
    n_mels: int
    channels: int
    width: int
    splits: int


def load_notebook(folder: Path) -> NotebookNetworks:
    """Networks of any size from a folder with the notebook's three weight files.

    Raises:
        UserError: a file is missing, cannot be read, or does not hold the notebook's layers.
    """
    generator, discriminator, siamese = read_files([folder / name for name in FILES.values()])
    try:
        for layers in (generator, discriminator, siamese):
            check_channels(layers)
        return build(generator, discriminator, siamese)
    except (
        ArithmeticError, AttributeError, IndexError, KeyError, RuntimeError, StopIteration, TypeError, ValueError
    ) as error:  # fmt: skip
        reason = str(error).partition("\n")[0][:200] or "a layer is missing"
        raise UserError(
            f"{folder}: the weights are not those of the MelGAN-VC notebook ({reason}); "
            "give the folder with its gen.h5, critic.h5 and siam.h5 of one training"
        ) from error


def check_channels(layers: list[Weights]) -> None:
    """Refuse layers too small for the kernels that their first one asks for, before anything of that size is made."""
    channels = layers[0]["kernel"].shape[-1]
    if 9 * channels**2 > sum(values.size for layer in layers for values in layer.values()):
        raise ValueError(f"its first layer has {channels} channels, and the others fewer")


def build(generator: list[Weights], discriminator: list[Weights], siamese: list[Weights]) -> NotebookNetworks:
    """The networks of three lists of layers, each layer a dict of Keras arrays by their short names."""
    n_mels, _, _, channels = generator[0]["kernel"].shape
    critic_channels = discriminator[0]["kernel"].shape[-1]
    siamese_channels = siamese[0]["kernel"].shape[-1]
    vector_length = siamese[-1]["kernel"].shape[1]
    # The dense layers see ceil((frames - 2) / 4) frames, and one multiple of 4 gives each such number.
    width = 4 * (siamese[-1]["kernel"].shape[0] // siamese_channels)
    window = 4 * (discriminator[-1]["kernel"].shape[0] // critic_channels)
    if window % width:
        raise ValueError(f"critic.h5 sees {window} frames, no multiple of the {width} frames of siam.h5")
    networks = NotebookNetworks(
        UNetGenerator(n_mels, channels),
        Discriminator(n_mels, window, critic_channels),
        Siamese(n_mels, width, siamese_channels, vector_length),
        n_mels,
        channels,
        width,
        window // width,
    )
    load_generator(networks.generator, generator)
    load_discriminator(networks.discriminator, discriminator)
    load_siamese(networks.siamese, siamese)
    for network in (networks.generator, networks.discriminator, networks.siamese):
        network.eval()
    return networks


def load_generator(network: UNetGenerator, layers: list[Weights]) -> None:
    """Fill the generator from its layers in the notebook's order."""
    queue = iter(layers)
    load_block(network.enter, queue, spanning_kernel)
    for block in (network.down1, network.down2, network.up1, network.up2):
        load_block(block, queue, frame_kernel)
    last = next(queue)
    load_spectral(network.leave, last, leaving_kernel, u_is_input=True)
    copy(network.bias, last["bias"])
    check_empty(queue)


def load_discriminator(network: Discriminator, layers: list[Weights]) -> None:
    """Fill the discriminator from its layers in the notebook's order."""
    queue = iter(layers)
    load_trunk(network.trunk, queue)
    last = next(queue)
    load_spectral(network.head, last, lambda kernel: head_kernel(kernel, network.trunk))
    copy(network.head.get_parameter("bias"), last["bias"])
    check_empty(queue)


def load_siamese(network: Siamese, layers: list[Weights]) -> None:
    """Fill the siamese network from its layers in the notebook's order."""
    queue = iter(layers)
    load_trunk(network.trunk, queue)
    last = next(queue)
    copy(network.head.weight, head_kernel(last["kernel"], network.trunk))
    copy(network.head.bias, last["bias"])
    check_empty(queue)


def load_trunk(trunk: nn.Sequential, queue: Iterator[Weights]) -> None:
    """Fill the trunk of siamese or discriminator from the next layers."""
    for number, block in enumerate(trunk.children()):
        load_block(block, queue, frame_kernel if number else spanning_kernel)


def load_block(block: nn.Module, queue: Iterator[Weights], layout: Callable[[np.ndarray], np.ndarray]) -> None:
    """Fill a convolution, with its spectral norm where one was saved, and its batch norm from the next layers."""
    weights = next(queue)
    convolution = block.get_submodule("0")
    if "u" in weights:
        load_spectral(convolution, weights, layout)
    else:
        copy(convolution.get_parameter("weight"), layout(weights["kernel"]))
    norms = [layer for layer in block.children() if isinstance(layer, nn.BatchNorm1d)]
    for norm in norms:
        weights = next(queue)
        copy(norm.weight, weights["gamma"])
        copy(norm.bias, weights["beta"])
        copy(norm.running_mean, weights["moving_mean"])
        copy(norm.running_var, weights["moving_variance"])


def load_spectral(
    layer: nn.Module, weights: Weights, layout: Callable[[np.ndarray], np.ndarray], u_is_input: bool = False
) -> None:
    """Load a kernel and the state of its power iteration: one iteration from the saved u, as the notebook does.

    The notebook's u belongs to the kernel's last axis: its output channels, or, for the transposed convolution
    (``u_is_input``), its input channels.
    """
    kernel = torch.from_numpy(layout(weights["kernel"]))
    matrix = kernel.flatten(1)  # (out, in·k)
    saved = torch.from_numpy(weights["u"]).flatten()
    if u_is_input:
        left = nn.functional.normalize(matrix @ saved, dim=0)
        right = nn.functional.normalize(matrix.T @ left, dim=0)
    else:
        right = nn.functional.normalize(matrix.T @ saved, dim=0)
        left = nn.functional.normalize(matrix @ right, dim=0)
    norm = layer.get_submodule("parametrizations.weight")
    copy(norm.get_parameter("original"), kernel)
    copy(norm.get_buffer("0._u"), left)
    copy(norm.get_buffer("0._v"), right)


def copy(to: Tensor | None, value: np.ndarray | Tensor) -> None:
    """Fill a parameter or buffer, if the shapes are the same."""
    value = torch.as_tensor(np.ascontiguousarray(value))
    if to is None or to.shape != value.shape:
        raise ValueError(f"expected shape {tuple(to.shape) if to is not None else None}, found {tuple(value.shape)}")
    with torch.no_grad():
        to.copy_(value)


def spanning_kernel(kernel: np.ndarray) -> np.ndarray:
    """(M, k, 1, out), the kernel over all mel bins, to (out, M, k)."""
    return kernel[:, :, 0, :].transpose(2, 0, 1)


def frame_kernel(kernel: np.ndarray) -> np.ndarray:
    """(1, k, in, out) to (out, in, k)."""
    return kernel[0].transpose(2, 1, 0)


def leaving_kernel(kernel: np.ndarray) -> np.ndarray:
    """(M, 1, 1, in), transposed convolution from one row to all mel bins, to (M, in, 1)."""
    return kernel[:, 0, 0, :, None]


def head_kernel(kernel: np.ndarray, trunk: nn.Sequential) -> np.ndarray:
    """(frames·channels, out), flattened with channels last, to (out, channels·frames)."""
    channels: int = trunk.get_submodule("2.0").out_channels  # type: ignore[assignment]
    frames = kernel.shape[0] // channels
    return kernel.reshape(frames, channels, -1).transpose(2, 1, 0).reshape(-1, channels * frames)


def check_empty(queue: Iterator[Weights]) -> None:
    """Refuse layers that the notebook's network does not have."""
    rest = list(queue)
    if rest:
        raise ValueError(f"{len(rest)} layers more than the notebook's network has")
