"""DiffTalk's networks, pipeline and pictures on our code; its schedules are in `schedules`, its speech in `deepspeech`."""

from functools import partial

import numpy as np
import torch
from harness import by_call, network
from torch import Tensor, nn

from models.difftalk import masks, points
from models.difftalk.audio import NeighbourAttention, WindowEncoder
from models.difftalk.first_stage import FirstStage
from models.difftalk.landmarks import LandmarkEncoder
from models.difftalk.network import DiffTalkNetwork
from models.difftalk.unet import UNet
from models.diffusion import Denoiser, Estimate, Known, Schedule, ddim, scaled_linear_schedule, strided
from models.diffusion.buffers import likelihood_weights
from models.pictures import to_tensor
from toolkit.datasets.difftalk_export import normalise

Tensors = dict[str, Tensor]


# networks


def first_stage_settings(config: dict) -> dict:
    inner = config["ddconfig"]
    return {
        "width": inner["ch"],
        "multipliers": inner["ch_mult"],
        "blocks": inner["num_res_blocks"],
        "channels": inner["in_channels"],
        "latent_channels": inner["z_channels"],
        "codes": config["n_embed"],
    }


def unet_settings(config: dict) -> dict:
    levels = range(len(config["channel_mult"]))
    return {
        "width": config["model_channels"],
        "multipliers": config["channel_mult"],
        "blocks": config["num_res_blocks"],
        "attention": [level for level in levels if 2**level in config["attention_resolutions"]],
        "head_width": config["num_head_channels"],
    }


def first_stage(case: dict) -> FirstStage:
    return network(case, lambda: FirstStage(**first_stage_settings(case["config"])))


def encode(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"h": first_stage(case).encode(inputs["x"])}


def quantize(case: dict, call: str, inputs: Tensors) -> Tensors:
    nearest = first_stage(case).quantize(inputs["h"])
    return {"z_q": nearest.latents, "loss": nearest.loss[None], "indices": nearest.indices.flatten()}


def decode(case: dict, call: str, inputs: Tensors, quantised: bool) -> Tensors:
    return {"image": first_stage(case).decode(inputs["h"], quantised)}


def denoise(case: dict, call: str, inputs: Tensors) -> Tensors:
    config = case["config"]
    channels = config["out_channels"]
    build = partial(
        UNet,
        context=config["context_dim"],
        channels=channels,
        known_channels=config["in_channels"] - channels,
        **unet_settings(config),
    )
    return {"eps": network(case, build)(inputs["x"], inputs["t"], inputs["context"])}


def encode_windows(case: dict, call: str, inputs: Tensors) -> Tensors:
    config, width = case["config"], case["tensors"]["encoder_conv.0.weight"]["shape"][1]
    encoder = network(case, lambda: WindowEncoder(width=width, rows=config["win_size"], outputs=config["dim_aud"]))
    return {"feature": encoder(inputs["x"]).reshape(case["shapes"]["feature"])}  # a single one loses its first axis


def attend(case: dict, call: str, inputs: Tensors) -> Tensors:
    config = case["config"]
    build = partial(NeighbourAttention, neighbours=config.get("seq_len", 8), channels=config["dim_aud"])
    return {"feature": network(case, build)(inputs["x"])}


def encode_landmarks(case: dict, call: str, inputs: Tensors) -> Tensors:
    count = case["tensors"]["encoder_fc1.0.weight"]["shape"][1] // 2
    build = partial(LandmarkEncoder, points=count, outputs=case["config"].get("dim_out", 64))
    return {"feature": network(case, build)(inputs["x"])}


# pipeline


class Pipeline(nn.Module):
    """The network and its first stage under the names of a published checkpoint."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        ours = DiffTalkNetwork(**unet_settings(config["unet_config"]["params"]))
        self.model = nn.ModuleDict({"diffusion_model": ours.unet})
        self.cond_stage_model_for_audio = ours.audio
        self.cond_stage_model_for_audio_smooth = ours.audio_attention
        self.cond_stage_model_for_ldm = ours.landmarks
        self.first_stage_model = FirstStage(**first_stage_settings(config["first_stage_config"]["params"]))
        self.ours = [ours]  # in a list, so that its tensors are not counted twice

    def latents(self, pictures: Tensor) -> Tensor:
        """Of pictures (n, h, w, 3)."""
        return self.first_stage_model.encode(pictures.permute(0, 3, 1, 2))

    def conditions(self, inputs: Tensors) -> tuple[Tensor, Tensor, Tensor]:
        """The masked latents, the reference's, and the context."""
        context = self.ours[0].context(inputs["audio_smooth"], inputs["landmarks"])
        return self.latents(inputs["image_mask"]), self.latents(inputs["reference_img"]), context


def pipeline(case: dict) -> tuple[Pipeline, DiffTalkNetwork, Schedule]:
    config = case["config"]
    held = network(case, lambda: Pipeline(config))
    schedule = scaled_linear_schedule(config["timesteps"], first=config["linear_start"], last=config["linear_end"])
    return held, held.ours[0], schedule


def conditions(case: dict, call: str, inputs: Tensors) -> Tensors:
    held, ours, _ = pipeline(case)
    masked, reference, _ = held.conditions(inputs)
    return {
        "z": held.latents(inputs["image"]),
        "audio": ours.speech(inputs["audio_smooth"]),
        "reference": reference,
        "landmark": ours.landmarks(inputs["landmarks"]),
        "masked": masked,
    }


def predict(case: dict, call: str, inputs: Tensors) -> Tensors:
    held, ours, _ = pipeline(case)
    return {"eps": ours(inputs["x"], inputs["t"], *held.conditions(inputs))}


def training_loss(case: dict, call: str, inputs: Tensors) -> Tensors:
    held, ours, schedule = pipeline(case)
    noise, t = inputs["noise"], inputs["t"]
    noisy = schedule.noisy(held.latents(inputs["image"]), noise, t)
    errors = (ours(noisy, t, *held.conditions(inputs)) - noise).square().mean(dim=(1, 2, 3))
    simple, weights = errors.mean()[None], likelihood_weights(schedule).to(t.device)[t]
    return {"simple": simple, "total": simple, "vlb": (weights * errors).mean()[None]}


def sample(case: dict, call: str, inputs: Tensors) -> Tensors:
    held, ours, schedule = pipeline(case)
    count = case["shapes"]["x_steps"][0]
    kept = strided(schedule, len(schedule) // count, offset=1)
    prepared = ours.prepare(*held.conditions(inputs))
    denoiser = Denoiser(lambda x, t: ours.denoise(x, t, prepared), limit=None)
    starts = []

    def watched(x: Tensor, schedule: Schedule, position: int) -> Estimate:
        estimate = denoiser(x, schedule, position)
        starts.append(estimate.start)
        return estimate

    known = None
    if "mask" in inputs:
        image = held.latents(inputs["image"])
        known = Known(image, inputs["mask"][:, None], lambda position: inputs["noises"][len(kept) - 1 - position])
    latents = list(ddim(watched, inputs["x_T"], kept, known=known))
    return {
        "latent": latents[-1],
        "x_steps": torch.stack(latents),
        "x0_steps": torch.stack(starts),
        "image": held.first_stage_model.decode(latents[-1]),
    }


# pictures


def loaded(case: dict, inputs: Tensors, point: int) -> Tensors:
    """What both published loaders give; black from the row of a point down."""
    size = case["config"]["size"]
    image, reference = (masks.resized(inputs[name].numpy(), size) for name in ("image", "reference"))
    stored, landmarks = len(inputs["image"]), inputs["landmarks"].numpy()
    pictures = np.stack([image, reference, masks.blacked_out(image, landmarks, stored, point)])
    shown = to_tensor(pictures).permute(0, 2, 3, 1)
    return {
        "image": shown[0],
        "reference_img": shown[1],
        "image_mask": shown[2],
        "landmarks": torch.from_numpy(points.condition(landmarks, stored, size)),
        "landmarks_all": torch.from_numpy(points.scaled(landmarks, stored, size)),
    }


def training_pictures(case: dict, call: str, inputs: Tensors) -> Tensors:
    return loaded(case, inputs, points.NOSE_TIP)


def sampling_pictures(case: dict, call: str, inputs: Tensors) -> Tensors:
    mask = masks.kept(inputs["landmarks"].numpy(), len(inputs["image"]), case["shapes"]["inference_mask"][-1])
    return {**loaded(case, inputs, points.NOSE_BASE), "inference_mask": torch.from_numpy(mask)}


def min_max(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"normalised": torch.from_numpy(normalise(inputs["landmarks"].numpy()))}


ADAPTERS = {
    "difftalk/first_stage": by_call(
        {
            r"encode\w*": encode,
            r"quantize\w*": quantize,
            r"decode_continuous\w*": partial(decode, quantised=False),
            r"decode\w*": partial(decode, quantised=True),
        }
    ),
    "difftalk/unet": denoise,
    "difftalk/audio_net": encode_windows,
    "difftalk/audio_attention": attend,
    "difftalk/landmark_net": encode_landmarks,
    "difftalk/pipeline": by_call(
        {r"conditions\w*": conditions, r"eps\w*": predict, r"loss\w*": training_loss, r"sample\w*": sample}
    ),
    "difftalk/conditioning_images": by_call(
        {r"training\w*": training_pictures, r"inference\w*": sampling_pictures, r"normali[sz]e\w*": min_max}
    ),
}
