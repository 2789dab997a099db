"""Diffused Heads' cases on our code."""

import numpy as np
import torch
from harness import by_call, network
from torch import Tensor, nn
from torch.nn import functional

from models.diffused_heads.conditioning import blurred, motion_numbers, motion_picture, speech_numbers
from models.diffused_heads.generation import FrameSampler, generate
from models.diffused_heads.losses import losses
from models.diffused_heads.unet import UNet
from models.diffusion import Schedule, cosine_schedule, estimate, posterior, reverse, rounded
from models.pictures import fitted, to_tensor
from models.speech.sda import AudioEncoder, audio_windows
from toolkit.faces import similarity
from toolkit.faces.mean_face import alignment_matrices, placed, read_mean_face
from toolkit.faces.warp import warp

Tensors = dict[str, Tensor]


def mean_faces(case: dict, call: str, inputs: Tensors) -> Tensors:
    outputs = {}
    for name, settings in case["config"].items():
        face = placed(read_mean_face(settings["mean_face"]), settings["scale"], settings["offset"])
        outputs[f"{name}.aligned_mean_face"] = torch.from_numpy(face.points)
        outputs[f"{name}.crop_height_width"] = torch.tensor([face.height, face.width])
    return outputs


def face_alignment(case: dict, call: str, inputs: Tensors) -> Tensors:
    config, landmarks = case["config"], inputs["landmarks"].numpy()
    face = placed(inputs["mean_face_raw"].numpy(), config["scale"], config["offset"])
    matrices = alignment_matrices(landmarks, face.points, config["smoothing_window"], "forward")
    frames = zip(inputs["video"].numpy(), matrices, strict=True)
    return {
        "aligned_mean_face": torch.from_numpy(face.points),
        "aligned": torch.from_numpy(np.stack([warp(*pair, face.height, face.width) for pair in frames])),
        "projected_landmarks": torch.from_numpy(similarity.apply(matrices, landmarks)),
    }


def build(config: dict) -> UNet:
    """The network of a published configuration; its attention goes by pixels, ours by level."""
    return UNet(
        width=config["model_channels"],
        multipliers=config["channel_mult"],
        blocks=config["num_res_blocks"],
        attention=[
            level
            for level in range(len(config["channel_mult"]))
            if config["image_size"] // 2**level in config["attention_resolutions"]
        ],
        heads=config["num_heads"],
        head_width=config["num_head_channels"] if config["num_head_channels"] > 0 else None,
        audio_width=config["model_channels"],
        audio_window=2 * config["n_audio_motion_embs"] + 1,
        motion_frames=config["n_motion_frames"],
        motion_channels=1 if config["grayscale_motion"] else 3,
        channels=config["in_channels"],
        out_channels=config["out_channels"],
        audio_condition=config["audio_condition_type"],
        size=config["image_size"],
    )


def denoise(case: dict, call: str, inputs: Tensors) -> Tensors:
    names = ("x", "timesteps", "x_cond", "motion_frames", "audio_emb")
    unet = network(case, lambda: build(case["config"]))
    return {"out": unet(*(inputs[name] for name in names))}


def sample(case: dict, call: str, inputs: Tensors) -> Tensors:
    settings = case["config"]["sampler"]
    unet: nn.Module = network(case, lambda: build(case["config"]["unet"]))
    clips, length = inputs["x_T"].shape[:2]
    seen: dict[str, list[Tensor]] = {name: [] for name in ("x_t", "timesteps", "motion_frames", "audio_windows")}

    def watched(x: Tensor, t: Tensor, identity: Tensor, motion: Tensor, audio: Tensor) -> Tensor:
        for name, value in zip(seen, (x, t, motion, audio), strict=True):
            seen[name].append(value)
        return unet(x, t, identity, motion, audio)

    frames = generate(
        watched,
        FrameSampler(rounded(cosine_schedule(), settings["steps"])),
        inputs["id_frame"],
        lambda frame, running: inputs["audio_emb"][:, speech_numbers(frame, length, settings["n_audio_motion_embs"])],
        lambda frame, running: iter([inputs["x_T"][:, frame], *inputs["noise"][frame]]).__next__,
        [length] * clips,
        motion_frames=settings["n_motion_frames"],
        motion_channels=settings["motion_channels"],
        stabilise=settings["segment_len"] if settings["stabilize"] else None,
    )
    made = {"frames": torch.stack(list(frames), dim=1)}
    calls = {name: torch.stack(values).unflatten(0, (length, -1)) for name, values in seen.items()}
    return made | calls | {name: calls[name][:, 0] for name in ("motion_frames", "audio_windows")}


def schedules(case: dict, call: str, inputs: Tensors) -> Tensors:
    outputs = {}
    for steps in inputs["steps"].tolist():
        schedule = as_published(rounded(cosine_schedule(), steps), cosine_schedule())
        tables = {
            "timesteps": schedule.steps,
            "beta": schedule.betas,
            "alpha_bar": schedule.alphas_cumprod,
            "alpha_bar_prev": schedule.alphas_cumprod_prev,
            "log_beta_tilde_clipped": schedule.posterior_log_variance,
            "coef1_x0": schedule.sqrt_recip_alphas_cumprod,
            "coef2_x0": schedule.sqrt_recipm1_alphas_cumprod,
            "coef1_q": schedule.posterior_start,
            "coef2_q": schedule.posterior_current,
        }
        outputs |= {f"{steps}.{name}": table for name, table in tables.items()}
    return outputs


def as_published(schedule: Schedule, whole: Schedule | None = None) -> Schedule:
    """The same steps, of the `whole` schedule or all of them, with tables in float32 throughout (specification, section 5).

    There 1 - x cancels at both ends: our float64 tables differ by 4e-4 at t = 0, which the likelihood of a picture, whose
    scale is 214 there, turns into 8e-3, and by up to a fifth at the last step.
    """
    beta = schedule.betas.float()
    if whole is not None and len(whole) != len(schedule):
        kept = torch.cumprod(1 - whole.betas.float(), dim=0)[schedule.steps]
        beta = 1 - kept / torch.cat([torch.ones(1), kept[:-1]])
    return Schedule(beta, schedule.steps)


def diffusion_step(case: dict, call: str, inputs: Tensors) -> Tensors:
    schedule = as_published(rounded(cosine_schedule(), case["config"]["sampling_steps"]), cosine_schedule())
    x, position = inputs["x_t"], inputs["position"]
    model = reverse(schedule, estimate(inputs["net_out"], x, schedule, position), x, position)
    true = posterior(schedule, inputs["x0"], x, position)
    return {
        "p_mean": model.mean,
        "p_logvar": model.log_variance,
        "q_mean": true.mean,
        "q_logvar": true.log_variance.expand_as(x),
    }


def training_losses(case: dict, call: str, inputs: Tensors) -> Tensors:
    schedule = as_published(cosine_schedule(case["config"]["n_timesteps"]))
    target, noise, t = inputs["x0"], inputs["eps"], inputs["timesteps"]
    output = inputs["net_out"].requires_grad_()
    weights = (case["config"]["vlb_weight"], case["config"]["lip_weight"])
    with torch.enable_grad():
        found = losses(output, schedule, target, noise, t, inputs["lip_landmarks"], weights=weights)
        (gradient,) = torch.autograd.grad(found.total, output)
    return {
        "x_t": schedule.noisy(target, noise, t),
        "simple": found.simple,
        "vlb": found.variational,
        "vlb_per_sample": found.per_sample,
        "lip": found.lips,
        "total": found.total,
        "grad_net_out": gradient,
    }


def training_windows(case: dict, call: str, inputs: Tensors) -> Tensors:
    motion, reach = case["config"]["n_motion_frames"], case["config"]["n_audio_motion_embs"]
    rows = inputs["clip"].tolist()
    return {
        "motion": torch.tensor(np.stack([motion_numbers(target, identity, motion) for _, target, identity in rows])),
        "audio": torch.tensor(np.stack([speech_numbers(target, length, reach) for length, target, _ in rows])),
    }


def images(case: dict, call: str, inputs: Tensors) -> Tensors:
    picture = inputs["picture"].permute(1, 2, 0)[None].numpy()
    identity = fitted(to_tensor(picture), case["shapes"]["identity"][-1])
    doubled = functional.interpolate(127 * identity + 127, scale_factor=2, mode="bilinear")
    return {
        "identity": identity,
        "motion_grey": motion_picture(identity, 1),
        "motion_blur": blurred(identity),
        # How the published script writes; ours rounds, keeps the size and encodes once.
        "written": doubled.to(torch.uint8).flip(1).permute(0, 2, 3, 1),
    }


def speech_windows(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {
        name.replace("signal", "windows"): torch.from_numpy(audio_windows(signal.numpy()).copy())
        for name, signal in inputs.items()
    }


def speech_encoder(case: dict) -> AudioEncoder:
    config = case["config"]
    sizes = {"code": config["enc_code_size"], "width": config["rnn_code_size"], "layers": config["n_layers"]}
    return network(case, lambda: AudioEncoder(**sizes))


def embed(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"embeddings": speech_encoder(case)(inputs["windows"], inputs["lengths"])}


def embed_stepwise(case: dict, call: str, inputs: Tensors) -> Tensors:
    """One window at a time, as the published demo does."""
    embeddings, state = [], None
    for window in inputs["windows"].unbind(1):
        embedding, state = speech_encoder(case).go_on(window[:, None], state)
        embeddings.append(embedding[0, 0])
    return {"embeddings": torch.stack(embeddings), "state": state}


NETWORKS = ("", "_grey", "_mid_attention", "_small_4_heads", "_small_attention", "_small_post_gn", "_small_pre_gn")

ADAPTERS = {
    "diffused_heads/audio_windows": speech_windows,
    "diffused_heads/audio_encoder": by_call({r"forward\w*": embed, r"stepwise\w*": embed_stepwise}),
    "diffused_heads/face_alignment": face_alignment,
    "diffused_heads/mean_face": mean_faces,
    "diffused_heads/schedule": schedules,
    "diffused_heads/diffusion_step": diffusion_step,
    "diffused_heads/losses": training_losses,
    "diffused_heads/training_windows": training_windows,
    "diffused_heads/images": images,
    "diffused_heads/sampler": sample,
    "diffused_heads/sampler_grey_stabilized": sample,
    **{f"diffused_heads/unet{name}": denoise for name in NETWORKS},
}
