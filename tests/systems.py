"""Every system at the size that tests run it at, and how well the demo's short training must teach it: one row a system."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tested:
    """What tests over systems need to know of one."""

    training: dict = field(default_factory=dict)  # options of a training of a few steps, as in config.yaml
    sampling: dict = field(default_factory=dict)
    correlation: float | None = None  # least correlation of the mouth with held-out speech in the demo


FEW_STEPS = {"steps": 5, "batch_size": 4}
SYSTEMS = {
    "diffdub": Tested(
        training={"renderer": FEW_STEPS, "sequence": {"steps": 5}}, sampling={"steps": 2}, correlation=0.5
    ),
    "difftalk": Tested(training={"first_stage": FEW_STEPS, "unet": FEW_STEPS}, sampling={"steps": 2}, correlation=0.5),
    "diffused_heads": Tested(training=FEW_STEPS, sampling={"steps": 2}, correlation=0.6),
}


def options() -> dict:
    """The configuration in which every system is trained and sampled in a few steps, beside the held frame."""
    blocks = {name: {"training": tested.training, "sampling": tested.sampling} for name, tested in SYSTEMS.items()}
    return {"systems": ["still", *SYSTEMS], **blocks}
