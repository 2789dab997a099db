"""Stage 2 of DiffDub: speech features and a few lip latents of the speaker -> one lip latent per video frame.

One deterministic pass, no diffusion (specs/diffdub.md section 5; published as the "sequence generator", 35.1 M).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.diffdub.conformer import Conformer

CROSS_DROPOUT = 0.1


class CrossAttention(nn.Module):
    """Attention with queries from speech, keys and values from references.

    speech (n, L, width), references (n, R, width) -> (n, L, width).

    There is no residual: speech reaches the output only through the attention weights.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=CROSS_DROPOUT, batch_first=True)
        self.dropout = nn.Dropout(CROSS_DROPOUT)
        self.linear1 = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)
        # In the public file, used by nothing. Frozen: data-parallel training waits for every gradient.
        self.linear2 = nn.Linear(width, width).requires_grad_(False)
        self.norm2 = nn.LayerNorm(width).requires_grad_(False)

    def forward(self, speech: Tensor, references: Tensor) -> Tensor:
        answer, _ = self.self_attn(speech, references, references, need_weights=False)
        return self.norm1(self.linear1(self.dropout(answer)))


class SequenceGenerator(nn.Module):
    """Features (n, audio_layers, T, audio_dim), references (n, R, latent_dim) -> latents (n, ceil(T/2), latent_dim).

    T counts at 50 Hz, the result at 25 Hz; any T and R. Video frame i depends on feature frames 2i-1, 2i and 2i+1 directly.
    Latents are unbounded and unnormalised. The defaults are the published network. Names below `encoder.` are those of
    the public checkpoint; a layer between `latent_dim` and another `width` exists in smaller variants only.

    audio_dim, audio_layers: width and number of the speech encoder's hidden states (mel: 80 and 1)
    width, heads, ffn, kernel, dropout: of the conformers;  cross_heads: of the attention to the references
    blocks: conformer blocks of the reference encoder, the speech encoder and the decoder
    """

    def __init__(
        self,
        audio_dim: int = 1024,
        audio_layers: int = 25,
        latent_dim: int = 512,
        width: int = 512,
        heads: int = 2,
        cross_heads: int = 8,
        ffn: int = 512,
        kernel: int = 13,
        blocks: Sequence[int] = (2, 4, 4),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        references, speech, decoder = (Conformer(width, count, heads, ffn, kernel, dropout) for count in blocks)
        encoder = self.encoder = nn.Module()
        encoder.weights = nn.Parameter(torch.zeros(audio_layers))
        encoder.down_sample_audio_nar = nn.Conv1d(audio_dim, width, 3, stride=2, padding=1)
        encoder.reference_proj = nn.Identity() if latent_dim == width else nn.Linear(latent_dim, width)
        encoder.reference_encoder = references
        encoder.cross_attention = CrossAttention(width, cross_heads)
        encoder.speech_encoder = speech
        encoder.coarse_decoder = decoder
        encoder.out_proj = nn.Linear(width, latent_dim)

    def forward(self, audio: Tensor, reference: Tensor) -> Tensor:
        encoder = self.encoder
        mixed = torch.einsum("l,nltd->ndt", encoder.weights.softmax(0), audio)
        speech = encoder.down_sample_audio_nar(mixed).mT
        references = encoder.reference_encoder(encoder.reference_proj(reference))
        answer = encoder.cross_attention(speech, references)
        return encoder.out_proj(encoder.coarse_decoder(encoder.speech_encoder(answer)))


def window_starts(frames: int, window: int, overlap: int) -> list[int]:
    """First frames of the windows that cover `frames`; the last one is moved back so that it ends at the end, full."""
    if not 0 <= overlap < window:
        raise ValueError(f"overlap {overlap} must be at least 0 and less than the window {window}")
    last = max(frames - window, 0)
    return [*range(0, last, window - overlap), last]


def cross_fade(length: int, overlap: int, first: bool, last: bool) -> np.ndarray:
    """Weights of a window's frames: 1 inside, ramps of `overlap` frames at the ends that have a neighbour. (length,)"""
    ramp = (np.arange(length) + 0.5) / max(overlap, 1)
    weight = np.ones(length)
    if not first:
        weight = np.minimum(weight, ramp)
    if not last:
        weight = np.minimum(weight, ramp[::-1])
    return weight.astype(np.float32)


@torch.inference_mode()
def predict_long(
    network: SequenceGenerator, features: np.ndarray, references: np.ndarray, window: int = 250, overlap: int = 50
) -> np.ndarray:
    """Lip latents for speech of any length, in windows of the length that the network was trained on.

    features (T, layers, audio_dim) or (T, audio_dim), at 50 Hz; a memory-mapped file is read window by window
    references (R, latent_dim)
    window, overlap: in video frames (250 = 10 s); neighbouring windows are cross-faded where they overlap
    -> (ceil(T/2), latent_dim) float32; up to one window exactly the single pass. Call with `network` in eval mode.
    """
    device = next(network.parameters()).device
    reference = torch.from_numpy(np.asarray(references, dtype=np.float32)).to(device)[None]
    frames = (len(features) + 1) // 2
    if frames == 0:
        return np.zeros((0, references.shape[-1]), np.float32)
    latents = np.zeros((frames, references.shape[-1]), np.float32)
    total = np.zeros((frames, 1), np.float32)
    for start in window_starts(frames, window, overlap):
        part = np.asarray(features[2 * start : 2 * (start + window)], dtype=np.float32)
        audio = torch.from_numpy(part.reshape(len(part), -1, part.shape[-1]).swapaxes(0, 1).copy()).to(device)[None]
        predicted = network(audio, reference)[0].float().cpu().numpy()
        stop = start + len(predicted)
        weight = cross_fade(len(predicted), overlap, first=start == 0, last=stop == frames)[:, None]
        latents[start:stop] += weight * predicted
        total[start:stop] += weight
    return latents / total
