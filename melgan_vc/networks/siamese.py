"""The siamese network: a vector for every chunk, so that differences of vectors carry the content."""

from torch import Tensor, nn

from melgan_vc.networks.layers import encoded_frames, encoder


class Siamese(nn.Module):
    """Embeds chunks (TraVeLGAN, arXiv:1902.09631); batch norm and no spectral norm, as in the authors' notebook.

    Args:
        n_mels: mel bins (M).
        width: frames (W) of a chunk.
        channels: of every hidden layer; the notebook has 256.
        vector_length: of the embedding (V); the notebook has 128.
        norm: see :func:`melgan_vc.networks.layers.normalisation`.
    """

    def __init__(
        self, n_mels: int, width: int, channels: int = 256, vector_length: int = 128, norm: str = "batch"
    ) -> None:
        super().__init__()
        self.trunk = encoder(n_mels, channels, spectral=False, norm=norm)
        self.head = nn.Linear(channels * encoded_frames(width), vector_length)
        nn.init.kaiming_uniform_(self.head.weight, nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, chunk: Tensor) -> Tensor:
        """Chunks (B, M, W) to vectors (B, V)."""
        return self.head(self.trunk(chunk).flatten(1))
