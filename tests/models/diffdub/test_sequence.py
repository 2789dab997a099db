import numpy as np
import pytest
import torch

from models.diffdub.conformer import Conformer, by_distance, relative_positions
from models.diffdub.sequence import SequenceGenerator, cross_fade, predict_long, window_starts

SMALL = dict(
    audio_dim=12, audio_layers=3, latent_dim=6, width=16, heads=2, cross_heads=4, ffn=24, kernel=5, blocks=(1, 1, 1)
)


@pytest.fixture
def network() -> SequenceGenerator:
    torch.manual_seed(0)
    return SequenceGenerator(**SMALL).eval()


def test_positions_fall_from_the_longest_distance_to_its_negative():
    table = relative_positions(4, 8)[0]
    assert table.shape == (7, 8)
    distance, k = 2, 1  # row 1 is distance 3 - 1
    angle = distance * 10000 ** (-2 * k / 8)
    assert table[1, 2 * k] == pytest.approx(np.sin(angle), abs=1e-6)
    assert table[1, 2 * k + 1] == pytest.approx(np.cos(angle), abs=1e-6)
    assert torch.equal(table[3], torch.tensor([0.0, 1.0]).repeat(4))


def test_scores_are_looked_up_by_query_minus_key():
    length = 5
    scores = torch.arange(2 * length - 1).expand(2, length, -1)  # the score is the row itself
    found = by_distance(scores)
    for i in range(length):
        for j in range(length):
            assert (found[:, i, j] == length - 1 - (i - j)).all()


def test_attention_equals_the_formula_term_by_term():
    torch.manual_seed(0)
    attention = Conformer(8, 1, 2, 8, 3, 0.0).encoders[0].self_attn
    x, positions = torch.randn(1, 4, 8), relative_positions(4, 8)
    q, k, v = (part(x)[0].view(4, 2, 4) for part in (attention.linear_q, attention.linear_k, attention.linear_v))
    p = attention.linear_pos(positions)[0].view(7, 2, 4)
    u, w = attention.pos_bias_u, attention.pos_bias_v
    out = torch.zeros(4, 2, 4)
    for h in range(2):
        for i in range(4):
            scores = [(q[i, h] + u[h]) @ k[j, h] + (q[i, h] + w[h]) @ p[3 - (i - j), h] for j in range(4)]
            out[i, h] = torch.softmax(torch.stack(scores) / 2, 0) @ v[:, h]
    expected = attention.linear_out(out.flatten(1))[None]
    torch.testing.assert_close(attention(x, positions), expected, rtol=1e-5, atol=1e-5)


def test_published_names_shapes_and_size():
    with torch.device("meta"):
        published = SequenceGenerator()
    state = published.state_dict()
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    assert (len(state), len(counters)) == (417, 10)
    assert all(name.startswith("encoder.") for name in state)
    assert sum(p.numel() for p in published.parameters()) == pytest.approx(35.07e6, rel=1e-3)


@pytest.mark.parametrize(("feature_frames", "video_frames"), [(1, 1), (8, 4), (9, 5)])
def test_one_latent_per_started_pair_of_feature_frames(network, feature_frames, video_frames):
    latents = network(torch.randn(2, 3, feature_frames, 12), torch.randn(2, 7, 6))
    assert latents.shape == (2, video_frames, 6)


def test_every_trained_parameter_gets_a_gradient(network):
    network.train()(torch.randn(2, 3, 8, 12), torch.randn(2, 5, 6)).square().sum().backward()
    without = {name for name, p in network.named_parameters() if p.requires_grad and p.grad is None}
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    assert without == set()
    assert frozen == {f"encoder.cross_attention.{n}.{w}" for n in ("linear2", "norm2") for w in ("weight", "bias")}


def test_half_precision_is_close(network):
    """Training and sampling in bfloat16: autocast, and the whole network cast."""
    audio, reference = torch.randn(1, 3, 40, 12), torch.randn(1, 5, 6)
    with torch.inference_mode():
        exact = network(audio, reference)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = network(audio, reference)
        cast = network.bfloat16()(audio.bfloat16(), reference.bfloat16())
    for rough in (mixed, cast):
        assert rough.dtype == torch.bfloat16
        assert (rough - exact).norm() < 0.05 * exact.norm()


@pytest.mark.parametrize("feature_frames", [1, 39, 40])
def test_up_to_one_window_is_the_single_pass(network, feature_frames):
    features, references = np.random.default_rng(0).standard_normal((feature_frames, 3, 12)), np.ones((5, 6))
    audio = torch.from_numpy(features).float().transpose(0, 1).contiguous()[None]
    with torch.inference_mode():
        whole = network(audio, torch.ones(1, 5, 6))[0]
    assert np.array_equal(predict_long(network, features, references, window=20, overlap=6), whole.numpy())


def test_windows_carry_the_middle_and_the_end(network):
    rng = np.random.default_rng(0)
    features, references = rng.standard_normal((107, 3, 12)).astype(np.float32), rng.standard_normal((5, 6))
    latents = predict_long(network, features, references, window=20, overlap=6)
    assert latents.shape == (54, 6)
    first = predict_long(network, features[:40], references, window=20, overlap=6)
    last = predict_long(network, features[2 * 34 :], references, window=20, overlap=6)
    np.testing.assert_array_equal(latents[:14], first[:14])
    np.testing.assert_array_equal(latents[48:], last[14:])  # the window before ends at frame 48


def test_mel_enters_without_a_layer_axis():
    torch.manual_seed(0)
    network = SequenceGenerator(**SMALL | dict(audio_dim=80, audio_layers=1)).eval()
    mel = np.random.default_rng(0).standard_normal((30, 80)).astype(np.float32)
    assert np.array_equal(
        predict_long(network, mel, np.ones((3, 6))), predict_long(network, mel[:, None], np.ones((3, 6)))
    )


@pytest.mark.parametrize("frames", [1, 19, 20, 21, 34, 35, 100])
def test_windows_cover_every_frame_and_fade_to_one(frames):
    starts = window_starts(frames, window=20, overlap=6)
    total = np.zeros(frames)
    for start in starts:
        length = min(20, frames - start)
        weight = cross_fade(length, 6, first=start == 0, last=start + length == frames)
        assert (weight > 0).all()
        total[start : start + length] += weight
    assert (total > 0).all()
    assert starts[-1] + 20 >= frames
    if frames == 34:  # two windows that overlap by just 6: the ramps add up to one
        np.testing.assert_allclose(total, 1, atol=1e-6)
    with pytest.raises(ValueError, match="overlap"):
        window_starts(frames, window=20, overlap=20)
