"""The cases of the networks that measure, and of what their metrics do with them, on our code."""

from collections.abc import Callable

import numpy as np
import torch
from harness import by_call, network
from torch import Tensor

from models.perception import i3d, inception, lpips, s3fd, syncnet

Tensors = dict[str, Tensor]
AMPLIFIED = 10000


def lip(case: dict, call: str, inputs: Tensors) -> Tensors:
    built, frames = network(case, syncnet.SyncNet), inputs["frames"].float()
    return {"embedding": built.lips(frames)[:, 0], "feature": built.lip_features(frames)[:, 0]}


def audio(case: dict, call: str, inputs: Tensors) -> Tensors:
    return {"embedding": network(case, syncnet.SyncNet).speech(inputs["mfcc"])}


def mfcc(case: dict, call: str, inputs: Tensors) -> Tensors:
    from metrics import lse

    samples = inputs["samples"].numpy()
    count = len(samples) // 640 - 5
    windows = np.concatenate(list(lse.speech_windows(samples, count)))
    return {
        "coefficients": torch.from_numpy(lse.mfcc(samples)),
        "first_windows": torch.from_numpy(windows[: case["shapes"]["first_windows"][0]]),
        "windows": torch.tensor(len(windows)),
    }


def sync_score(case: dict, call: str, inputs: Tensors) -> Tensors:
    from metrics import lse

    found = lse.sync_score(inputs["video_embeddings"].numpy(), inputs["audio_embeddings"].numpy())
    return {name: torch.as_tensor(value) for name, value in found._asdict().items()}


def clip(case: dict, call: str, inputs: Tensors) -> Tensors:
    from metrics import lse

    built, samples = network(case, syncnet.SyncNet), inputs["samples"].numpy()
    times = case["config"]["enlarge"]
    enlarged = np.kron(inputs["small_frames"].numpy(), np.ones((1, times, times, 1), np.uint8))
    measure = lse.LipSync(built, samples / np.float32(32768))
    for frame in enlarged[..., ::-1]:
        measure.update(frame)
    found = measure.score()
    count = len(found.distances)
    windows = np.concatenate(list(lse.speech_windows(samples, count)))
    lips = syncnet.lip_embeddings(built, np.ascontiguousarray(enlarged[..., ::-1]))[:count]
    return {
        "video_embeddings_every_16th": torch.from_numpy(lips[:, ::16]),
        "audio_embeddings_every_16th": torch.from_numpy(syncnet.speech_embeddings(built, windows)[:, ::16]),
        **{name: torch.as_tensor(value) for name, value in found._asdict().items()},
    }


def crop(case: dict, call: str, inputs: Tensors) -> Tensors:
    from metrics import syncnet_tracks

    smoothed = syncnet_tracks.smoothed(inputs["boxes"].numpy())
    crops = [
        syncnet_tracks.face_crop(frame, *smoothed[place])
        for place, frame in zip(case["config"]["frames"], inputs["frames"].numpy(), strict=True)
    ]
    return {"smoothed": torch.from_numpy(smoothed), "crops": torch.from_numpy(np.stack(crops))}


def raw_faces(case: dict, call: str, inputs: Tensors) -> Tensors:
    offsets, probabilities, priors = network(case, s3fd.S3FD)(s3fd.prepared(inputs["image"][None]))
    boxes = s3fd.decoded(offsets[0], priors)
    return {"offsets": offsets, "probabilities": probabilities, "priors": priors, "boxes": boxes}


def detect(case: dict, call: str, inputs: Tensors) -> Tensors:
    settings = case["config"]
    assert (settings["confidence"], settings["keep"]) == (s3fd.CONFIDENCE, s3fd.KEEP)
    assert (settings["first_overlap"], settings["second_overlap"]) == (s3fd.FIRST_OVERLAP, s3fd.SECOND_OVERLAP)
    first_pass = s3fd.first_pass(inputs["offsets"][0], inputs["probabilities"][0], inputs["priors"])
    return {
        "first_pass": first_pass,
        "faces": s3fd.faces(first_pass, *settings["image_size"], settings["threshold"]),
    }


def fid_features(case: dict, call: str, inputs: Tensors) -> Tensors:
    built = network(case, inception.Inception)
    images = inception.PREPROCESSINGS[call](inputs["images"])
    features = built(images)
    return {
        "pool": features,
        "first": built.stem(images).mean(dim=(2, 3)),
        "amplified": built(AMPLIFIED * images),
        "logits": built.logits(features),
    }


def fvd_features(case: dict, call: str, inputs: Tensors) -> Tensors:
    built, video = network(case, i3d.I3D), i3d.preprocessed(inputs["video"])
    return {
        "preprocessed_every_16th": video[..., ::16, ::16],
        "pooled": built.pooled(video),
        "logits": built(video),
        "amplified_logits": built(AMPLIFIED * video),
    }


def lpips_terms(case: dict, call: str, inputs: Tensors) -> Tensors:
    built = network(case, lambda: lpips.LPIPS(case["config"]["net"]))
    pair = [inputs[name].permute(0, 3, 1, 2) / 127.5 - 1 for name in ("reference", "generated")]
    return {"distance": built(*pair), "layers": built.layers(*pair)}


def distance(case: dict, call: str, inputs: Tensors) -> Tensors:
    from metrics.frechet import Moments, frechet_distance

    sides = Moments(), Moments()
    for side, name in zip(sides, "ab", strict=True):
        side.update(inputs[name].numpy())
    value = torch.tensor(frechet_distance(*sides), dtype=torch.float64)
    return dict.fromkeys(case["calls"][call]["outputs"], value)


def every(function: Callable[..., Tensors]) -> Callable[..., Tensors]:
    return by_call({r"\w+": function})


ADAPTERS = {
    "metrics/syncnet": by_call({r"lip\w*": lip, r"audio\w*": audio}),
    "metrics/mfcc": every(mfcc),
    "metrics/lse": every(sync_score),
    "metrics/lse_clip": every(clip),
    "metrics/syncnet_crop": every(crop),
    "metrics/s3fd": every(raw_faces),
    "metrics/s3fd_boxes": every(detect),
    "metrics/fid_inception": every(fid_features),
    "metrics/i3d": every(fvd_features),
    "metrics/lpips_alex": every(lpips_terms),
    "metrics/lpips_vgg": every(lpips_terms),
    "metrics/frechet": every(distance),
}
