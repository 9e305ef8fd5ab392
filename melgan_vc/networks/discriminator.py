"""The discriminator: does this window come from the target domain?"""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from melgan_vc.networks.layers import encoded_frames, encoder, without_autocast


class Discriminator(nn.Module):
    """Judges windows; spectral norm on every layer and no batch norm, as in the authors' notebook.

    Args:
        n_mels: mel bins (M).
        window: frames (S·W) of a window.
        channels: of every hidden layer; the notebook has 512.
    """

    def __init__(self, n_mels: int, window: int, channels: int = 512) -> None:
        super().__init__()
        self.trunk = encoder(n_mels, channels, spectral=True, norm="none")
        head = nn.Linear(channels * encoded_frames(window), 1)
        nn.init.zeros_(head.bias)
        self.head = spectral_norm(head)

    def forward(self, window: Tensor) -> Tensor:
        """Windows (B, M, S·W) to logits (B,): high for what looks like the target."""
        features = self.trunk(window).flatten(1)
        with without_autocast(window.device):
            return self.head(features.float()).squeeze(1)
