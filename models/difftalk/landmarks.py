"""One vector for a frame's landmarks (DiffTalk specification, section 7.4)."""

from torch import Tensor, nn

from models.difftalk.audio import SLOPE

HALF = 128.0  # pixels from the middle of the picture to its edge


class LandmarkEncoder(nn.Module):
    """`points` landmarks in a vector of `outputs` numbers; the defaults are the published network.

    Published are pixels as they are, 0 to 256, so that the vector's numbers are tens and its speech is small beside it;
    `normalised` first brings them to -1 to 1.
    """

    def __init__(self, *, points: int = 39, outputs: int = 64, normalised: bool = False) -> None:
        super().__init__()
        self.normalised = normalised
        self.encoder_fc1 = nn.Sequential(
            nn.Linear(2 * points, 128),
            nn.LeakyReLU(SLOPE),
            nn.Linear(128, 64),
            nn.LeakyReLU(SLOPE),
            nn.Linear(64, outputs),
        )

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (n, points, 2) in pixels of a picture of 256 x 256 -> (n, outputs)."""
        return self.encoder_fc1((landmarks / HALF - 1 if self.normalised else landmarks).flatten(1))
