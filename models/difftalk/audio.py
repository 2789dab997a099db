"""One vector for a frame's speech: its windows encoded one by one, then weighed (specification, sections 7.2 and 7.3)."""

from itertools import pairwise

from torch import Tensor, nn

SLOPE = 0.02  # of every LeakyReLU in the encoders of conditions
CENTRE = 8  # the row of a window that belongs to its frame


class WindowEncoder(nn.Module):
    """A window of speech features in one vector; the defaults are the published network for DeepSpeech.

    A row holds `width` features. Of a window's 16 rows the `rows` (at most 16) in its middle are used, halved by each of
    the four convolutions. `outputs` numbers are the vector.
    """

    def __init__(self, *, width: int = 29, rows: int = 16, outputs: int = 64) -> None:
        super().__init__()
        if not 2 <= rows <= 2 * CENTRE:
            raise ValueError(f"a window has 2 to {2 * CENTRE} rows, not {rows}")
        self.rows = rows
        self.encoder_conv = _convolutions((width, 32, 32, 64, 64), stride=2)
        self.encoder_fc1 = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(SLOPE), nn.Linear(64, outputs))

    def forward(self, windows: Tensor) -> Tensor:
        """windows (n, 16, width), one row after the other in time -> (n, outputs)."""
        used = windows[:, CENTRE - self.rows // 2 : CENTRE + self.rows // 2]
        return self.encoder_fc1(self.encoder_conv(used.transpose(1, 2)).flatten(1))


class NeighbourAttention(nn.Module):
    """The vectors of `neighbours` windows in one: their sum with weights that the first `channels` of their numbers decide.

    (The published network gives vectors of 64, of which it sees 32.)
    """

    def __init__(self, *, neighbours: int = 8, channels: int = 32) -> None:
        super().__init__()
        self.channels = channels
        self.attentionConvNet = _convolutions((channels, 16, 8, 4, 2, 1), stride=1)
        self.attentionNet = nn.Sequential(nn.Linear(neighbours, neighbours), nn.Softmax(dim=1))

    def forward(self, vectors: Tensor) -> Tensor:
        """vectors (n, neighbours, features) -> (n, features)."""
        seen = vectors[:, :, : self.channels].transpose(1, 2)
        weights = self.attentionNet(self.attentionConvNet(seen).squeeze(1))
        return (weights[:, None] @ vectors).squeeze(1)


def _convolutions(channels: tuple[int, ...], stride: int) -> nn.Sequential:
    """Convolutions over time from each of the channels to the next, an activation after every one."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv1d(inputs, outputs, 3, stride, padding=1), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers)
