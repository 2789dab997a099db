"""Diffused Heads' published files, made here in the forms that the specification lists (section 8): none is at hand."""

import json
import logging
import sys
import zipfile
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from models.checkpoints import load_weights, read_weights, write_weights
from models.diffused_heads.checkpoints import PUBLISHED, convert, describe, heads
from models.diffused_heads.unet import UNet
from models.published import convert_published
from models.speech import checkpoints
from models.speech.sda import AudioEncoder
from toolkit.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit",
    "ignore:Initializing zero-element",
    "ignore::DeprecationWarning",
    "ignore::torch.jit.TracerWarning",
)

CASES = Path(__file__).parents[2] / "parity/diffused_heads"
SMALL = {"width": 32, "multipliers": (1, 2), "blocks": 1, "attention": (1,), "head_width": 32, "audio_width": 8}
SMALL_ENCODER = {"channels": 2, "code": 6, "width": 5, "layers": 2}
VARIETY = [
    {},
    {"motion_channels": 1},
    {"attention": ()},
    {"attention": (0, 2), "audio_width": 1280},
    {"multipliers": (1, 1, 2, 4), "blocks": 1, "attention": (3,)},
    {"multipliers": (2, 3), "blocks": 3, "attention": (1,)},
    {"multipliers": (1,), "blocks": 1, "attention": ()},
    {"audio_condition": "pre_gn", "out_channels": 3},
    {"audio_condition": "post_gn"},
    {"audio_condition": "attention", "size": 32},
]
ARGUMENTS = {
    "model_channels": "width",
    "channel_mult": "multipliers",
    "num_res_blocks": "blocks",
    "n_motion_frames": "motion_frames",
    "out_channels": "out_channels",
    "audio_condition_type": "audio_condition",
}


@pytest.fixture
def small() -> UNet:
    torch.manual_seed(0)
    network = UNet(**SMALL).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)
    return network


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in tensors.items()}


def assert_equal(read: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[name], value) for name, value in expected.items())


def on_meta(**settings: object) -> dict[str, Tensor]:
    with torch.device("meta"):
        return UNet(**settings).state_dict()


@pytest.mark.parametrize("settings", VARIETY, ids=str)
def test_settings_are_read_from_shapes(settings):
    settings = {"width": 32, "head_width": 32, "audio_width": 32, **settings}
    found = describe(on_meta(**settings))
    default = {"multipliers": (1, 2, 3), "blocks": 2, "attention": (2,), "audio_window": 5, "motion_frames": 2}
    default |= {"motion_channels": 3, "out_channels": 6, "audio_condition": "double_pre_gn"}
    del settings["head_width"]
    assert found == default | settings


@pytest.mark.parametrize(("frames", "channels"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_other_motion_frames_and_windows_must_be_known(frames, channels):
    tensors = on_meta(**SMALL, motion_frames=frames, motion_channels=channels, audio_window=3)
    found = describe(tensors, motion_frames=frames, audio_window=3)
    assert (found["motion_channels"], found["audio_width"]) == (channels, 8)
    with pytest.raises(InputError, match="is no network of Diffused Heads"):
        describe(tensors)


@pytest.mark.parametrize("case", ["unet", "unet_grey", "unet_mid_attention", "unet_small_4_heads", "unet_small_attention",
                                  "unet_small_post_gn", "unet_small_pre_gn"])  # fmt: skip
def test_published_names_and_shapes_are_understood(case):
    content = json.loads((CASES / case / "case.json").read_text())
    config = content["config"]
    tensors = {name: torch.empty(entry["shape"], device="meta") for name, entry in content["tensors"].items()}
    found = describe(tensors)
    for name, ours in ARGUMENTS.items():
        assert found[ours] == (tuple(config[name]) if isinstance(config[name], list) else config[name]), name
    levels = [level for level in range(3) if config["image_size"] // 2**level in config["attention_resolutions"]]
    assert found["attention"] == tuple(levels)
    assert found["audio_width"] == config["model_channels"]
    assert found["motion_channels"] == (1 if config["grayscale_motion"] else 3)
    assert found.get("size") == (config["image_size"] if config["audio_condition_type"] == "attention" else None)
    ours = on_meta(**found, head_width=min(64, config["model_channels"]))
    assert {name: tuple(value.shape) for name, value in ours.items()} == {
        name: tuple(value.shape) for name, value in tensors.items()
    }


@pytest.fixture
def lightning(tmp_path):
    """Writes a Lightning checkpoint with what the specification finds in it besides tensors."""
    modules = {name: ModuleType(name) for name in ("absent_omegaconf", "absent_torchvision")}
    kinds = {}
    for module, kind in (("absent_omegaconf", "ListConfig"), ("absent_torchvision", "Compose")):
        kinds[kind] = type(kind, (), {"__module__": module})
        setattr(modules[module], kind, kinds[kind])

    def write(tensors: dict[str, Tensor], **settings: object) -> Path:
        levels, motion = kinds["ListConfig"](), kinds["Compose"]()
        levels.__dict__ |= {"_metadata": kinds["Compose"], "_parent": levels, "_content": [1, 2]}
        motion.transforms = [kinds["Compose"](), torch.float32]
        content = {
            "epoch": 2999,
            "global_step": 246_000,
            "pytorch-lightning_version": "1.8.6",
            "state_dict": tensors,
            "callbacks": {"ModelCheckpoint{'every_n_epochs': 50}": {"best_model_path": ""}},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 5e-5}]}],
            "lr_schedulers": [{"gamma": 0.8}],
            "loops": {"fit_loop": {"state_dict": {}}},
            "hyper_parameters": {"channel_mult": levels, "motion_transforms": motion, "lr": 5e-5, **settings},
        }
        for name, module in modules.items():
            sys.modules.setdefault(name, module)
        try:
            torch.save(content, tmp_path / "crema.ckpt")
        finally:
            for name, module in modules.items():
                if sys.modules.get(name) is module:
                    del sys.modules[name]
        return tmp_path / "crema.ckpt"

    return write


def test_lightning_checkpoint(lightning, small):
    tensors = small.state_dict()
    others = {"metric.total": torch.zeros(1)}
    for copies in (
        with_prefix("unet.", tensors),
        with_prefix("unet.", tensors) | with_prefix("diffusion.nn_backbone.", tensors),
    ):
        path = lightning(copies | others, num_heads=4, num_head_channels=64)
        assert_equal(convert("unet", path), tensors)


def test_unlike_copies_are_refused(lightning, small):
    tensors = small.state_dict()
    other = tensors | {"out.2.bias": tensors["out.2.bias"] + 1}
    path = lightning(with_prefix("unet.", tensors) | with_prefix("diffusion.nn_backbone.", other))
    with pytest.raises(InputError, match=r"crema\.ckpt: holds its network twice, and the two differ"):
        convert("unet", path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"num_heads": 4, "num_head_channels": 64}, {"heads": None, "head_width": 64}),
        ({"num_heads": 4, "num_head_channels": -1}, {"heads": 4, "head_width": None}),
        ({"num_heads": 4}, {"heads": 4, "head_width": None}),
        ({}, {}),
        ({"num_heads": "four", "num_head_channels": None}, {}),
    ],
)
def test_heads_of_a_lightning_checkpoint(lightning, settings, expected):
    assert heads(lightning({"unet.a": torch.zeros(1)}, **settings)) == expected


def test_other_heads_are_told(lightning, caplog):
    tensors = with_prefix("unet.", UNet(**SMALL | {"width": 64, "head_width": 64}).state_dict())
    with caplog.at_level(logging.WARNING, logger="talkflow"):
        convert("unet", lightning(tensors, num_heads=4, num_head_channels=64))
        assert not caplog.records
        convert("unet", lightning(tensors, num_heads=4, num_head_channels=-1))
    assert "4 attention heads; set `sampling: {heads: 4}`" in caplog.text


def program(network: nn.Module, path: Path, *inputs: Tensor) -> Path:
    with torch.no_grad():
        torch.jit.trace(network, inputs, check_trace=False).save(str(path))
    return path


def test_program(small, tmp_path):
    """As TorchScript: read, stored, and strictly into a network that then answers as the program does."""
    inputs = (torch.randn(1, 3, 16, 16), torch.tensor([500]), torch.randn(1, 3, 16, 16), torch.randn(1, 6, 16, 16))
    inputs = (*inputs, torch.randn(1, 5, 8))
    path = program(small, tmp_path / "crema_script.pt", *inputs)
    write_weights(tmp_path / "unet.safetensors", convert("unet", path), {})
    tensors = read_weights(tmp_path / "unet.safetensors")
    network = UNet(**describe(tensors), head_width=32).eval()
    load_weights(network, tensors)
    with torch.no_grad():
        torch.testing.assert_close(network(*inputs), torch.jit.load(path)(*inputs))
    assert heads(path) == {}


def test_heads_of_a_scripted_program(tmp_path):
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.num_heads = 12

        def forward(self, x: Tensor) -> Tensor:
            return x * self.num_heads

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.middle_block = nn.Sequential(nn.Linear(2, 2), Attention())

        def forward(self, x: Tensor) -> Tensor:
            return self.middle_block(x)

    torch.jit.script(Network()).save(str(tmp_path / "a.pt"))
    assert heads(tmp_path / "a.pt") == {"heads": 12, "head_width": None}


@pytest.fixture
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(**SMALL_ENCODER).eval()


@pytest.mark.parametrize("prefix", ["", "model."])
def test_audio_encoder_program(encoder, tmp_path, prefix):
    network = encoder if not prefix else nn.ModuleDict({"model": encoder})
    if prefix:
        network.forward = lambda windows, lengths: encoder(windows, lengths)
    path = program(network, tmp_path / "audio_encoder.pt", torch.randn(1, 2, 3200), torch.tensor([2]))
    assert_equal(checkpoints.convert("sda", path), encoder.state_dict())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_sda_file(encoder, tmp_path, zipped):
    """A table of networks and sizes, saved by a torch that had no counters in its batch norms."""
    tensors = {name: value for name, value in encoder.state_dict().items() if not name.endswith("num_batches_tracked")}
    content = {
        "encoder": tensors,
        "img_encoder": {"weight": torch.zeros(2)},
        "gen": {"encoder.cl.0.weight": torch.zeros(2)},
        "audio_rate": 16000,
        "audio_feat_len": 0.2,
        "rnn_gen_dim": 256,
        "aud_enc_dim": 256,
    }
    torch.save(content, tmp_path / "crema.dat", _use_new_zipfile_serialization=zipped)
    assert_equal(checkpoints.convert("sda_original", tmp_path / "crema.dat"), tensors)


def test_names_that_do_not_fit_are_named(encoder, tmp_path):
    tensors = encoder.state_dict()
    tensors["encoder.stem.weight"] = tensors.pop("encoder.cl.1.weight")
    torch.save(tensors, tmp_path / "audio_encoder.pt")
    with pytest.raises(InputError) as caught:
        checkpoints.convert("sda", tmp_path / "audio_encoder.pt")
    assert "1 missing (encoder.cl.1.weight)" in str(caught.value)
    assert "1 unexpected (encoder.stem.weight)" in str(caught.value)


def test_other_files_are_refused(small, encoder, lightning, tmp_path):
    torch.save(small.state_dict(), tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt: does not fit the network: .* missing \(encoder\.cl\.0"):
        checkpoints.convert("sda", tmp_path / "a.pt")
    torch.save(encoder.state_dict(), tmp_path / "b.pt")
    with pytest.raises(
        InputError, match=r"b\.pt: is no network of Diffused Heads: time_embed\.fc\.0\.weight is missing"
    ):
        convert("unet", tmp_path / "b.pt")
    tensors = small.state_dict()
    del tensors["out.0.bias"]
    with pytest.raises(InputError, match=r"crema\.ckpt: does not fit the network: 1 missing \(out\.0\.bias\)"):
        convert("unet", lightning(with_prefix("unet.", tensors)))


@pytest.mark.parametrize(
    "name",
    [
        "time_embed.fc.0.weight",
        "input_blocks.0.0.weight",
        "input_blocks.1.0.out_layers.3.weight",
        "input_blocks.1.0.t_emb_layers.1.weight",
        "output_blocks",
        "audio_embed.0.weight",
        "out.2.weight",
    ],
)
@pytest.mark.parametrize("shape", [None, (), (7, 7, 3)])
def test_damaged_tables_are_refused(small, tmp_path, name, shape):
    tensors = small.state_dict()
    for found in [other for other in tensors if other.startswith(name)]:
        if shape is None:
            del tensors[found]
        else:
            tensors[found] = torch.zeros(shape)
    torch.save(tensors, tmp_path / "a.pt")
    with pytest.raises(InputError, match=r"a\.pt"):
        convert("unet", tmp_path / "a.pt")


def test_out_of_the_zip_of_the_demo(encoder, small, tmp_path):
    """As it is downloaded: both programs in one zip, placed by hand."""
    inputs = (
        torch.randn(1, 3, 8, 8),
        torch.tensor([5]),
        torch.randn(1, 3, 8, 8),
        torch.randn(1, 6, 8, 8),
        torch.randn(1, 5, 8),
    )
    placed = tmp_path / "weights"
    placed.mkdir()
    with zipfile.ZipFile(placed / "checkpoints.zip", "w") as archive:
        archive.write(program(small, tmp_path / "a.pt", *inputs), "checkpoints/crema_script.pt")
        lengths = torch.tensor([2])
        archive.write(
            program(encoder, tmp_path / "b.pt", torch.randn(1, 2, 3200), lengths), "checkpoints/audio_encoder.pt"
        )
    files = {"unet": (PUBLISHED["unet"], convert), "sda": (checkpoints.PUBLISHED["sda"], checkpoints.convert)}
    for stage, network in (("unet", small), ("sda", encoder)):
        published, reader = files[stage]
        tensors, source = convert_published(
            published, partial(reader, stage), folder=placed, target=tmp_path / "results", address=None
        )
        assert_equal(tensors, network.state_dict())
        assert source["origin"] == f"{placed}/checkpoints.zip/checkpoints/{published.names[0]}"
        assert source["licence"] == "CC BY-NC-SA 4.0"


def test_without_a_file_people_are_told_where_it_is(tmp_path):
    for known, converter in ((PUBLISHED, convert), (checkpoints.PUBLISHED, checkpoints.convert)):
        for stage, published in known.items():
            with pytest.raises(InputError) as caught:
                convert_published(
                    published, partial(converter, stage), folder=tmp_path, target=tmp_path / "made", address=None
                )
            reason = "downloading is off" if published.folder else "only a person can fetch it"
            for said in (reason, published.pages[0], str(tmp_path / published.names[0])):
                assert said in str(caught.value)
