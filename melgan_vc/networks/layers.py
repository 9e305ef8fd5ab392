"""The layers that the three networks share.

The first kernel of every network spans all mel bins, so each is exactly a 1-D network over frames, with mel bins as
channels. That form computes the notebook's numbers and is the fast one.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from melgan_vc.errors import UserError

SLOPE = 0.2
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch norms
GROUPS = 8
HALVINGS = 2  # strided layers of every network


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow's "same" puts them: the odd one goes to the end."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class Convolution(nn.Conv1d):
    """Convolution over frames without bias, He-uniform: (B, C, T) to (B, out, T / stride)."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, same: bool = True) -> None:
        if min(channels, out) < 1:
            raise UserError(f"networks: a layer of {channels} to {out} channels; give 1 channel or more")
        super().__init__(channels, out, kernel, stride, bias=False)
        self.same = same
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        before, after = same_padding(x.shape[-1], kernel, stride) if self.same else (0, 0)
        if before != after:  # else the convolution pads by itself, without a copy
            x, before = nn.functional.pad(x, (before, after)), 0
        if not parametrize.is_parametrized(self, "weight"):
            return nn.functional.conv1d(x, self.weight, stride=stride, padding=before)
        with without_autocast(x.device):
            weight, norm = kernel_and_norm(self)  # in float32, whatever the rest runs in
        # Its output is divided, which is the same as to divide the kernel, and there is far less of it.
        return nn.functional.conv1d(x, weight, stride=stride, padding=before) / norm


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context that computes in the types of its tensors, on a device of any kind, also one of shapes alone."""
    reduced = device.type != "meta" and torch.is_autocast_enabled(device.type)
    return torch.autocast(device.type, enabled=False) if reduced else nullcontext()


def doubled(x: Tensor) -> Tensor:
    """Every frame twice: (B, C, T) to (B, C, 2T); so several times faster, there and back, than repeat_interleave."""
    return torch.stack((x, x), dim=-1).flatten(-2)


def smooth_bins(mel: Tensor, width: int) -> Tensor:
    """Return the mean of each mel bin and its neighbours (B, M, T), ``width`` bins in all.

    Beyond the edges the first and the last bin are repeated. An even width has one bin more above than below.

    Args:
        mel: (B, M, T).
        width: mel bins, from 1, which changes nothing.
    """
    if width == 1:
        return mel
    below = (width - 1) // 2
    first, last = mel[:, :1].expand(-1, below + 1, -1), mel[:, -1:].expand(-1, width - 1 - below, -1)
    sums = torch.cat([first, mel, last], dim=1).cumsum(dim=1)  # less than half of avg_pool1d's time, there and back
    return (sums[:, width:] - sums[:, :-width]) / width


class KernelAndNorm(torch.autograd.Function):
    """A kernel (O, C, K) as it is, and its spectral norm from its singular vectors, left (O,) and right (C·K,).

    The norm's gradient, an outer product as large as the kernel, is added to the kernel's own in one go.
    """

    @staticmethod
    def forward(ctx: Any, kernel: Tensor, norm: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(left, right)
        return kernel.view_as(kernel), norm

    @staticmethod
    def backward(ctx: Any, kernel: Tensor, norm: Tensor) -> tuple[Tensor, None, None, None]:
        left, right = ctx.saved_tensors
        whole = kernel.flatten(1)
        if torch.is_grad_enabled():  # for a gradient of this gradient
            whole = whole + torch.outer(norm * left, right)
        else:
            whole.addr_(norm * left, right)
        return whole.view_as(kernel), None, None, None


def kernel_and_norm(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """The kernel (O, C, K) that a layer trains, and its spectral norm, a scalar.

    What PyTorch's parametrization computes, whose state this uses and moves on: one power iteration in training mode,
    and a norm whose gradient takes both singular vectors for constants.
    """
    parametrization: Any = layer.parametrizations["weight"]  # type: ignore[index]
    kernel, (state,) = parametrization.original, parametrization
    with torch.no_grad():
        matrix = kernel.flatten(1)
        left = normalize(matrix @ state._v, dim=0, eps=state.eps) if state.training else state._u.clone()
        image = matrix.t() @ left
        right = normalize(image, dim=0, eps=state.eps) if state.training else state._v.clone()
        if state.training:
            state._u.copy_(left)
            state._v.copy_(right)
        norm = torch.dot(image, right)
    found: tuple[Tensor, Tensor] = KernelAndNorm.apply(kernel, norm, left, right)
    return found


def normalisation(name: str, channels: int) -> list[nn.Module]:
    """The layer of a name, if it is one.

    Args:
        name: "batch", with the notebook's momentum and epsilon; "sync_batch", the same with statistics over all GPUs of
            a training; "group", each item by itself (arXiv:1803.08494); or "none".
        channels: to normalise.
    """
    if name == "batch":
        return [nn.BatchNorm1d(channels, eps=EPSILON, momentum=MOMENTUM)]
    if name == "sync_batch":
        return [nn.SyncBatchNorm(channels, eps=EPSILON, momentum=MOMENTUM)]
    if name == "group":
        return [nn.GroupNorm(math.gcd(channels, GROUPS), channels)]
    if name != "none":
        raise UserError(f"networks.norm is {name!r}: give batch, sync_batch, group or none")
    return []


class Block(nn.Sequential):
    """Convolution, normalisation where asked for, LeakyReLU.

    Args:
        spectral: divide the kernel by its spectral norm (arXiv:1802.05957), one power iteration a forward pass.
        norm: see :func:`normalisation`.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int,
        stride: int = 1,
        same: bool = True,
        spectral: bool = True,
        norm: str = "batch",
    ) -> None:
        convolution: nn.Module = Convolution(channels, out, kernel, stride, same)
        layers: list[nn.Module] = [spectral_norm(convolution) if spectral else convolution]
        super().__init__(*layers, *normalisation(norm, out), nn.LeakyReLU(SLOPE, inplace=True))


def encoder(bins: int, channels: int, spectral: bool, norm: str) -> nn.Sequential:
    """The trunk of siamese and discriminator: (B, M, T) to (B, channels, encoded_frames(T))."""
    return nn.Sequential(
        Block(bins, channels, 3, same=False, spectral=spectral, norm=norm),
        Block(channels, channels, 9, stride=2, spectral=spectral, norm=norm),
        Block(channels, channels, 7, stride=2, spectral=spectral, norm=norm),
    )


def encoded_frames(frames: int) -> int:
    """Frames that the trunk leaves of so many: "valid" over 3, then halved twice, rounded up."""
    return -(-(frames - 2) // 2**HALVINGS)


def settle_spectral_norm(network: nn.Module, iterations: int = 30) -> None:
    """Let every spectral norm's power iteration converge on the present kernels, in place."""
    training = network.training
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if parametrize.is_parametrized(module, "weight"):
                for _ in range(iterations):
                    _ = module.weight  # each reading in training mode is one power iteration
    network.train(training)


def folded_state(network: nn.Module) -> dict[str, Tensor]:
    """A network's state with each spectral-normed kernel as its value in inference mode, under plain names.

    Removing the parametrizations instead would break every deep copy: copies share the class they are patched into.
    """
    network.eval()
    state = {name: value for name, value in network.state_dict().items() if ".parametrizations." not in f".{name}"}
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            state[f"{name}.weight"] = module.weight.detach()
    return state
