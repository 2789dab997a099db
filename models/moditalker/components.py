"""First weights for the auto-encoder with which it gives a clip's first frame back, so that a short training learns the rest.

From random weights a tiny one spends a training of a CPU's minute on the colours of patches.
"""

import torch
from torch import Tensor
from torch.nn import functional

from models.moditalker.autoencoder import PLANES, VideoAutoencoder
from models.moditalker.timesformer import Attention, FeedForward

SPREAD = 0.5  # standard deviation of each channel of the first latents, before the hyperbolic tangent
BRIGHT = 0.97  # largest value that the sigmoid is to answer


@torch.no_grad()
def start_with_components(network: VideoAutoencoder, videos: Tensor) -> None:
    """Weights of a fresh network: the latent's channels are the principal components of patches of videos (n, colours, t, H, W).

    They lie in the plane `xy`, which takes them from the first frame while all attention and feed-forward layers begin at
    zero; the last layer makes patches of them by least squares.
    """
    count, encoder, to_pixel = network.pre_xy.out_channels, network.encoder, network.to_pixel[-1]
    colours, side = to_pixel.out_channels, network.patch
    patches = encoder.patches(videos).flatten(0, -2)
    mean = patches.mean(dim=0)
    values, vectors = torch.linalg.eigh((patches - mean).T.cov(correction=0))
    components = (vectors / values.clamp_min(1e-6).sqrt()).T.flip(0)[:count]  # the largest first, each of variance 1

    embedding = encoder.to_patch_embedding
    embedding.weight[:count], embedding.bias[:count] = components, -components @ mean
    network.pre_xy.weight.zero_()[range(count), range(count)] = SPREAD
    network.pre_xy.bias.zero_()
    for plane in PLANES:
        post = network.get_submodule(f"post_{plane}")
        post.weight[: count + 1], post.bias[: count + 1] = 0, 0
    network.post_xy.weight[range(count), range(count)] = 1 / SPREAD
    network.post_xy.bias[count] = 1  # the share of what all patches have in common
    for part in network.modules():
        if isinstance(part, Attention | FeedForward):
            last = part.to_out[-1] if isinstance(part, Attention) else part.net[-1]
            last.weight.zero_()
            last.bias.zero_()

    given_back = functional.pad((SPREAD * embedding(patches)[:, :count]).tanh() / SPREAD, (0, 1), value=1)
    wanted = 2 * patches.clamp(-BRIGHT, BRIGHT).atanh()  # 2 sigmoid(x) - 1 = tanh(x / 2)
    found = torch.linalg.lstsq(given_back, wanted).solution
    to_pixel.weight.mul_(0.1)[: count + 1] = found.view(-1, side, side, colours).permute(0, 3, 1, 2)
    to_pixel.bias.zero_()
