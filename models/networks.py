"""Other people's networks that systems generate with, and where their published files are described."""

from types import ModuleType

import models.perception.checkpoints
import models.speech.checkpoints
from toolkit.errors import InputError


def source(network: str) -> ModuleType:
    """The module whose PUBLISHED, `convert` and `address` know the network; InputError where there is no such network."""
    modules = (models.speech.checkpoints, models.perception.checkpoints)
    for module in modules:
        if network in module.PUBLISHED:
            return module
    known = ", ".join(name for module in modules for name in module.PUBLISHED)
    raise InputError(network, "there is no such network", f"Choose from {known}")
