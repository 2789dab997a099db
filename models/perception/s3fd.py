"""S3FD: where the faces are (Zhang et al. 2017), in the copy that SyncNet's pipeline uses (specs/metrics.md section 9.5).

Names are those of the published file, sfd_face.pth. Other copies of S3FD take BGR and bear other names.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = (123.0, 117.0, 104.0)  # RGB
STRIDES = (4, 8, 16, 32, 64, 128)
SIZES = (16, 32, 64, 128, 256, 512)
VARIANCES = (0.1, 0.2)  # of a box's centre and of its size
MIN_SIDE = 32  # pixels of the smallest picture that the network takes

CONFIDENCE, CANDIDATES, FIRST_OVERLAP, KEEP = 0.05, 5000, 0.3, 750
SECOND_OVERLAP = 0.1


class S3FD(nn.Module):
    """22.5 M parameters; six maps, from the finest to the coarsest."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = nn.ModuleList(_trunk())
        self.L2Norm3_3, self.L2Norm4_3, self.L2Norm5_3 = L2Norm(256), L2Norm(512), L2Norm(512)
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, stride=2, padding=1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, stride=2, padding=1),
            ]
        )
        widths = (256, 512, 512, 1024, 512, 256)
        self.loc = nn.ModuleList(nn.Conv2d(width, 4, 3, padding=1) for width in widths)
        # The finest map has three guesses at the background, of which the largest counts.
        self.conf = nn.ModuleList(nn.Conv2d(width, 2 if k else 4, 3, padding=1) for k, width in enumerate(widths))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Box offsets (N, A, 4), probabilities (N, A, 2) of background and face, and priors (A, 4).

        `images`: (N, 3, H, W) RGB 0..255 less `MEAN`, sides of 32 pixels and more.
        """
        sources = self._sources(images)
        offsets = [layer(source) for layer, source in zip(self.loc, sources, strict=True)]
        scores = [layer(source) for layer, source in zip(self.conf, sources, strict=True)]
        scores[0] = torch.cat((scores[0][:, :3].amax(dim=1, keepdim=True), scores[0][:, 3:]), dim=1)
        maps = [source.shape[-2:] for source in sources]
        return (
            _anchors(offsets),
            _anchors(scores).softmax(dim=-1),
            priors(maps, *images.shape[-2:]).to(images.device),
        )

    def _sources(self, x: Tensor) -> list[Tensor]:
        norms = {15: self.L2Norm3_3, 22: self.L2Norm4_3, 29: self.L2Norm5_3}
        sources = []
        for number, layer in enumerate(self.vgg):
            x = layer(x)
            if number in norms:
                sources.append(norms[number](x))
        sources.append(x)
        for number, layer in enumerate(self.extras):
            x = functional.relu(layer(x))
            if number % 2:
                sources.append(x)
        return sources


class L2Norm(nn.Module):
    """Divides each position's vector by its length and gives every channel a scale of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.norm(dim=1, keepdim=True) + 1e-10) * self.weight[:, None, None]


def _trunk() -> list[nn.Module]:
    """VGG-16 as a flat list in which ReLUs and pools are counted."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2, ceil_mode=width == 256))
    return [*layers, nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(), nn.Conv2d(1024, 1024, 1), nn.ReLU()]


def _anchors(maps: Sequence[Tensor]) -> Tensor:
    """Maps (N, C, H, W) laid out one after the other, row by row: (N, A, C)."""
    return torch.cat([map.flatten(2).transpose(1, 2) for map in maps], dim=1)


def priors(maps: Sequence[tuple[int, int]], height: int, width: int) -> Tensor:
    """Prior boxes (A, 4): centre x, centre y, width, height over the picture's; one per position of each map."""
    boxes = []
    for (rows, columns), stride, size in zip(maps, STRIDES, SIZES, strict=True):
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centre_x, centre_y = (x.flatten() + 0.5) * stride / width, (y.flatten() + 0.5) * stride / height
        side = torch.ones_like(centre_x) * size
        boxes.append(torch.stack((centre_x, centre_y, side / width, side / height), dim=1))
    return torch.cat(boxes)


def decoded(offsets: Tensor, priors: Tensor) -> Tensor:
    """Corner boxes (..., A, 4), left, top, right, bottom over the picture's sides."""
    centre = priors[:, :2] + VARIANCES[0] * offsets[..., :2] * priors[:, 2:]
    half = priors[:, 2:] * torch.exp(VARIANCES[1] * offsets[..., 2:]) / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def not_suppressed(boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """Numbers of the boxes (n, 4) that no better one overlaps by more than `overlap` (area of both over area of
    either), best first."""
    order = scores.argsort(descending=True, stable=True)
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        common = torch.minimum(boxes[best, 2:], boxes[rest, 2:]) - torch.maximum(boxes[best, :2], boxes[rest, :2])
        common = common.clamp(min=0).prod(dim=1)
        order = rest[common / (area[best] + area[rest] - common) <= overlap]
    return torch.stack(kept) if kept else order


def first_pass(offsets: Tensor, probabilities: Tensor, priors: Tensor) -> Tensor:
    """One picture's candidates (n, 5), best first: score, and corner box over the picture's sides.

    `offsets` (A, 4), `probabilities` (A, 2), `priors` (A, 4), all on the CPU.
    """
    scores = probabilities[:, 1]
    best = scores.argsort(descending=True, stable=True)[:CANDIDATES]
    best = best[scores[best] > CONFIDENCE]
    boxes, scores = decoded(offsets, priors)[best], scores[best]
    kept = not_suppressed(boxes, scores, FIRST_OVERLAP)[:KEEP]
    return torch.cat((scores[kept, None], boxes[kept]), dim=1)


def faces(candidates: Tensor, height: int, width: int, threshold: float) -> Tensor:
    """Faces (m, 5), best first: left, top, right, bottom in pixels of a picture of this size, and score above
    `threshold`; from the candidates of `first_pass`."""
    likely = candidates[candidates[:, 0] > threshold]
    boxes = likely[:, 1:] * likely.new_tensor([width, height, width, height])
    kept = not_suppressed(boxes, likely[:, 0], SECOND_OVERLAP)
    return torch.cat((boxes[kept], likely[kept, :1]), dim=1)


def prepared(images: Tensor) -> Tensor:
    """What `S3FD` takes from uint8 RGB pictures (N, H, W, 3)."""
    return images.permute(0, 3, 1, 2).float() - torch.tensor(MEAN, device=images.device)[:, None, None]


@torch.inference_mode()
def find_faces(network: S3FD, frames: Sequence[np.ndarray], scale: float, threshold: float = 0.9) -> list[np.ndarray]:
    """Faces (m, 5) float32 of each uint8 RGB picture (H, W, 3), all of one size, as `faces` gives them.

    The network sees the pictures resized by `scale`, but no side shorter than 32 pixels.
    """
    height, width = frames[0].shape[:2]
    size = [max(MIN_SIDE, int(side * scale)) for side in (width, height)]
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in frames])
    offsets, probabilities, priors = (
        found.cpu() for found in network(prepared(torch.from_numpy(small).to(network.loc[0].weight.device)))
    )
    candidates = [first_pass(*found, priors) for found in zip(offsets, probabilities, strict=True)]
    return [faces(found, height, width, threshold).numpy() for found in candidates]
