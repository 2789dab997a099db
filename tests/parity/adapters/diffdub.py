"""DiffDub's cases on our code."""

import numpy as np
import torch
from harness import by_call, network, number
from torch import Tensor

from models.diffdub import window
from models.diffdub.losses import renderer_loss, sequence_loss
from models.diffdub.renderer import Renderer
from models.diffdub.rendering import lip_latents, lip_pictures, render, to_pixels
from models.diffdub.sequence import SequenceGenerator
from models.diffusion import Denoiser, Known, ddim, linear_schedule, spaced
from models.pictures import to_tensor

Tensors = dict[str, Tensor]
SCHEDULE = linear_schedule()
PUBLISHED = window.Margins()  # the cases keep the published margins at any size


def channels_first(keep: Tensor) -> Tensor:
    return keep.permute(0, 3, 1, 2)


# renderer


def encode(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"latent": network(case, Renderer).encode(inputs["image"])}


def denoise(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"eps": network(case, Renderer)(inputs["x"], inputs["t"], inputs["latent"])}


def autoencode(case: dict, call: str, inputs: Tensors) -> Tensors:
    latent = network(case, Renderer).encode(inputs["lip_image"])
    return {"latent": latent, "eps": network(case, Renderer)(inputs["x"], inputs["t"], latent)}


def sample(case: dict, call: str, inputs: Tensors) -> Tensors:
    renderer = network(case, Renderer)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return renderer(torch.cat([x, inputs["reference"]], dim=1), t, inputs["latent"])

    return {"image": inpaint(predict, inputs, number(call, r"(\d+)", 5))[-1]}


def training_loss(case: dict, call: str, inputs: Tensors) -> Tensors:
    renderer = network(case, Renderer)
    latent = renderer.encode(inputs["lip_image"])
    return stage1(lambda x, t: renderer(x, t, latent), inputs)


def lip_latent(case: dict, call: str, inputs: Tensors) -> Tensors:
    size = number(case["calls"][call]["returns"], r"working size (\d+)", 64)
    frames, landmarks = inputs["frame"].numpy()[None], inputs["landmarks"].numpy()[None]
    return {
        "latent": lip_latents(network(case, Renderer), frames, landmarks, size, PUBLISHED),
        "lip_image": lip_pictures(frames, landmarks, size, PUBLISHED),
    }


def render_frame(case: dict, call: str, inputs: Tensors) -> Tensors:
    steps = number(case["calls"][call]["returns"], r"(\d+) DDIM steps", number(call, r"(\d+)", 4))
    image = render(
        network(case, Renderer),
        inputs["frame"].numpy()[None],
        inputs["landmarks"].numpy()[None],
        inputs["reference"].numpy()[None],
        inputs["latent"],
        inputs["noise"],
        spaced(SCHEDULE, steps),
        inputs["noise"].shape[-1],
        margins=PUBLISHED,
    )
    return {"image": (image + 1) / 2, "pixels": torch.from_numpy(to_pixels(image)[0])}


# sequence, hubert


def forward(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"latents": network(case, SequenceGenerator)(inputs["audio"], inputs["reference"])}


def reference_encoder(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"y": network(case, SequenceGenerator).encoder.reference_encoder(inputs["x"])}


def speech_encoder(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"y": network(case, SequenceGenerator).encoder.speech_encoder(inputs["x"])}


def coarse_decoder(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"y": network(case, SequenceGenerator).encoder.coarse_decoder(inputs["x"])}


def cross_attention(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"y": network(case, SequenceGenerator).encoder.cross_attention(inputs["audio"], inputs["reference"])}


def hubert_features(case: dict, call: str, inputs: Tensors) -> Tensors:
    from transformers import HubertConfig, HubertModel  # the other cases run without

    from models.speech.encoders import end_padded, hidden_states, normalisation, normalised

    encoder = network(case, lambda: HubertModel(HubertConfig(**case["config"])))
    waveform = inputs["waveform"].numpy()
    heard = normalised(waveform, *normalisation(waveform))
    states = hidden_states(encoder, heard)
    return {"normalised": heard, "features": end_padded(states, states.shape[1] + 1)}


# sampler, schedule, losses


def closed_form(inputs: Tensors, latent: Tensor):
    """The predictor that the cases state; x = cat(mixed image, reference), t the original index."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        wave = latent.flatten(1).mean(dim=1) * torch.cos(t / 200)
        return torch.tanh(0.9 * x[:, :3] - 0.5 * x[:, 3:] + wave[:, None, None, None])

    return predict


def inpaint(predict, inputs: Tensors, steps: int) -> list[Tensor]:
    """The running image after each step of the published loop."""
    known = Known(inputs["target"], channels_first(inputs["keep"]))
    return list(ddim(Denoiser(predict), inputs["noise"], spaced(SCHEDULE, steps), known=known))


def sampler(case: dict, call: str, inputs: Tensors) -> Tensors:
    predict = closed_form(inputs, inputs["latent"])
    steps = number(call, r"(\d+)", 20)
    images = inpaint(lambda x, t: predict(torch.cat([x, inputs["reference"]], dim=1), t), inputs, steps)
    middle = number(case["calls"][call]["returns"], r"after step (\d+)", steps // 2 + 1)
    return {"image": images[-1], "first": images[0], "middle": images[middle - 1]}


def schedule(case: dict, call: str, inputs: Tensors) -> Tensors:
    kept = spaced(SCHEDULE, int(inputs["count"]))
    return {name: getattr(kept, name) for name in case["calls"][call]["outputs"]}


def stage1(predict, inputs: Tensors) -> Tensors:
    keep = channels_first(inputs["keep"])
    loss = renderer_loss(predict, SCHEDULE, inputs["target"], inputs["reference"], keep, inputs["t"], inputs["noise"])
    return loss._asdict()


def closed_form_stage1(case: dict, call: str, inputs: Tensors) -> Tensors:
    return stage1(closed_form(inputs, inputs["lip_image"]), inputs)


def stage2(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"loss": sequence_loss(inputs["prediction"], inputs["target"], inputs["mask"])[None]}


# mask


def face(case: dict, call: str, inputs: Tensors) -> Tensors:
    size, points = case["config"]["size"], inputs["landmarks"].numpy()
    y, x, channel = np.ogrid[:size, :size, :3]
    pattern = ((x + 2 * y + 50 * channel) % 256).astype(np.uint8)
    brow = window.inside(points, size, window.BROW, PUBLISHED)
    outputs = {
        "inside30": torch.from_numpy(window.inside(points, size, window.NOSE_TIP, PUBLISHED)),
        "inside21": torch.from_numpy(brow),
        "box21": torch.tensor(window.box(brow)),
        "crop21_pattern": torch.from_numpy(window.encoder_crop(pattern, points, PUBLISHED)),
    }
    if "image" in inputs:
        crop = window.encoder_crop(inputs["image"].numpy(), points, PUBLISHED)
        outputs |= {"crop21": torch.from_numpy(crop), "encoder_input": to_tensor(crop[None])[0]}
    return outputs


def frame(case: dict, call: str, inputs: Tensors) -> Tensors:
    picture = inputs["frame"].numpy()
    resized = number(case["calls"][call]["returns"], r"resized .* to (\d+)x\d+", 128)
    points = window.scale_landmarks(inputs["landmarks"].numpy(), len(picture), case["config"]["size"])
    return {
        "resized": torch.from_numpy(window.resize_frame(picture, resized)),
        "landmarks": torch.from_numpy(points),
    }


def training_landmarks(case: dict, call: str, inputs: Tensors) -> Tensors:
    height, width = inputs["height_width"].tolist()
    size = case["config"]["size"]
    scaled = window.scale_training_landmarks(inputs["landmarks"].numpy(), height, width, size)
    return {"scaled": torch.from_numpy(scaled)}


ADAPTERS = {
    "diffdub/renderer": by_call(
        {
            r"encode\w*": encode,
            r"denoise\w*": denoise,
            r"autoencode\w*": autoencode,
            r"sample\w*": sample,
            r"training_loss\w*": training_loss,
            r"lip_latent\w*": lip_latent,
            r"render_frame\w*": render_frame,
        }
    ),
    "diffdub/sequence": by_call(
        {
            r"forward\w*": forward,
            r"reference_encoder\w*": reference_encoder,
            r"speech_encoder\w*": speech_encoder,
            r"coarse_decoder\w*": coarse_decoder,
            r"cross_attention\w*": cross_attention,
        }
    ),
    "diffdub/hubert": by_call({r"features\w*": hubert_features}),
    "diffdub/sampler": sampler,
    "diffdub/schedule": schedule,
    "diffdub/losses": by_call({r"stage1\w*": closed_form_stage1, r"stage2\w*": stage2}),
    "diffdub/mask": by_call({r"frame\w*": frame, r"training_landmarks\w*": training_landmarks, r"\w+": face}),
}
