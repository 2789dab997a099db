"""The harness on cases made here: other inputs, other step counts, another folder; and that it can say no."""

import json
import subprocess
import sys
from pathlib import Path

import fill
import pytest
import torch
from adapters import ADAPTERS
from harness import ROOT, WHOLE, Found, by_call, difference, find_cases, run_call, tolerance
from safetensors.torch import save_file
from torch.nn import functional

DDIM10 = {"arguments": ["noise", "target", "reference", "latent", "keep"], "outputs": ["image", "first", "middle"]}


def write_case(folder: Path, name: str, calls: dict, inputs: dict, outputs: dict) -> None:
    folder.mkdir(parents=True)
    case = {"name": name, "config": {}, "tensors": {}, "calls": calls}
    (folder / "case.json").write_text(json.dumps(case))
    save_file({key: value.contiguous() for key, value in inputs.items()}, folder / "inputs.safetensors")
    save_file({key: value.contiguous() for key, value in outputs.items()}, folder / "outputs.safetensors")


def other_sampler_case(folder: Path) -> None:
    """`ddim10` on a batch of three at another size, walked by diffusers' own DDIM over the published kept steps."""
    from diffusers import DDIMScheduler

    generator = torch.Generator().manual_seed(3)
    target, reference = torch.rand(2, 3, 3, 24, 32, generator=generator) * 2 - 1
    noise = torch.randn(3, 3, 24, 32, generator=generator)
    latent = torch.randn(3, 512, generator=generator)
    keep = (torch.rand(3, 24, 32, 1, generator=generator) > 0.4).float().expand(-1, -1, -1, 3)
    scheduler = DDIMScheduler(
        1000, 1e-4, 0.02, "linear", clip_sample=True, set_alpha_to_one=True, timestep_spacing="leading"
    )
    scheduler.set_timesteps(10)
    x, after = noise, []
    for t in scheduler.timesteps:
        x = torch.where(keep.permute(0, 3, 1, 2) == 1, target, x)
        wave = latent.mean(dim=1) * torch.cos(t / 200)
        predicted = torch.tanh(0.9 * x - 0.5 * reference + wave[:, None, None, None])
        x = scheduler.step(predicted, t, x, eta=0, use_clipped_model_output=True).prev_sample
        after.append(x)
    call = DDIM10 | {"returns": "10 steps: final image, the running image after the first step and after step 6"}
    inputs = {"noise": noise, "target": target, "reference": reference, "latent": latent, "keep": keep}
    outputs = {"image": after[-1], "first": after[0], "middle": after[5]}
    write_case(
        folder,
        "diffdub/sampler",
        {"ddim10": call},
        {f"ddim10.{key}": value for key, value in inputs.items()},
        {f"ddim10.{key}": value for key, value in outputs.items()},
    )


def stored(name: str) -> Found:
    return next(case for case in find_cases() if case.name == name)


def test_signals_of_other_names_are_taken(tmp_path):
    _, inputs, outputs = fill.load(stored("diffused_heads/blinks").folder)
    other = [{name.replace("clean", "morning"): value for name, value in part.items()} for part in (inputs, outputs)]
    write_case(tmp_path / "case", "diffused_heads/blinks", {}, *other)
    assert any(name.startswith("morning.") for name in other[1])
    assert run_call(Found(tmp_path / "case", "diffused_heads/blinks"), WHOLE, ADAPTERS["diffused_heads/blinks"]) == {}


def test_pictures_of_another_size_are_taken(tmp_path):
    picture = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    identity = functional.interpolate(picture[None] / 127.5 - 1, (20, 20), mode="bilinear", antialias=True)
    outputs = {
        "identity": identity,
        "motion_grey": (identity * torch.tensor([0.2989, 0.587, 0.114])[:, None, None]).sum(1, True),
    }
    write_case(tmp_path / "case", "diffused_heads/images", {}, {"picture": picture}, outputs)
    assert run_call(Found(tmp_path / "case", "diffused_heads/images"), WHOLE, ADAPTERS["diffused_heads/images"]) == {}


def test_adapters_take_other_inputs_and_step_counts(tmp_path):
    other_sampler_case(tmp_path / "case")
    found = Found(tmp_path / "case", "diffdub/sampler")
    assert run_call(found, "ddim10", ADAPTERS["diffdub/sampler"]) == {}


def test_a_wrong_number_is_seen(tmp_path):
    other_sampler_case(tmp_path / "case")

    def wrong(case, call, inputs):
        outputs = ADAPTERS["diffdub/sampler"](case, call, inputs)
        return {"image": outputs["image"] * (1 + 1e-5), "first": outputs["first"][:2]}

    faults = run_call(Found(tmp_path / "case", "diffdub/sampler"), "ddim10", wrong)
    assert "relative error 1.0e-05" in faults["image"]
    assert "shape (2, 3, 24, 32)" in faults["first"]
    assert faults["middle"] == "is not returned"


def test_integers_must_be_equal_but_for_those_cut_from_floats():
    levels = torch.full((100, 100), 7, dtype=torch.uint8)
    near = levels.clone()
    near[0, :40] += 1
    assert difference("diffdub/mask.inside30", near, levels) == "differs in 40 of 10000 values"
    assert difference("diffdub/renderer.pixels", near, levels) is None
    near[1] += 1
    assert "1.40%" in difference("diffdub/renderer.pixels", near, levels)


def test_the_longest_prefix_sets_the_tolerance():
    assert tolerance("diffdub/schedule.betas") < tolerance("difftalk/unet.eps") < tolerance("diffdub/renderer.eps")


def test_calls_go_by_patterns_and_an_unknown_one_is_named():
    adapter = by_call({r"sample\d+": lambda case, call, inputs: {"call": call}})
    assert adapter({}, "sample12", {}) == {"call": "sample12"}
    with pytest.raises(LookupError, match=r"diffdub/x has no adapter for its call resample3"):
        adapter({"name": "diffdub/x"}, "resample3", {})


def test_a_call_sees_the_inputs_of_a_call_that_its_text_names(tmp_path):
    calls = {"forward": {"returns": "x"}, "again": {"returns": "with y, same inputs as call 'forward'"}}
    inputs = {"forward.x": torch.ones(2), "forward.y": torch.ones(2), "again.y": torch.full((2,), 3.0)}
    write_case(
        tmp_path / "x", "diffdub/x", calls, inputs, {"forward.sum": torch.ones(2), "again.sum": torch.ones(2) * 4}
    )

    def adapter(case, call, inputs):
        return {"sum": inputs["x"] if call == "forward" else inputs["x"] + inputs["y"]}

    found = Found(tmp_path / "x", "diffdub/x")
    assert [run_call(found, call, adapter) for call in found.calls] == [{}, {}]


def test_a_case_in_two_places_counts_once_and_other_numbers_count_again(tmp_path):
    for home in ("a", "b"):
        write_case(tmp_path / home / "x", "diffdub/x", {}, {"c.i": torch.ones(2)}, {"c.o": torch.ones(2)})
    write_case(tmp_path / "c" / "x", "diffdub/x", {}, {"c.i": torch.ones(2)}, {"c.o": torch.zeros(2)})
    found = find_cases([tmp_path / home for home in "abc"])
    assert [case.folder for case in found] == [tmp_path / "a" / "x", tmp_path / "c" / "x"]


@pytest.mark.slow
def test_another_folder_from_the_command_line(tmp_path):
    """A good case passes, one whose system is built and that no adapter takes fails by name, one not built is
    skipped.
    """
    other_sampler_case(tmp_path / "diffdub" / "sampler")
    for name in ("diffdub/unheard_of", "nobody/unet"):
        write_case(tmp_path / name, name, {"forward": {"outputs": []}}, {}, {})
    command = [sys.executable, "-m", "pytest", "tests/parity/test_parity.py", "--parity-root", str(tmp_path)]
    result = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "no adapter runs the parity case diffdub/unheard_of" in result.stdout
    assert "not built yet: models/nobody/__init__.py does not exist" in result.stdout
    assert "1 failed, 1 passed, 1 skipped" in result.stdout
