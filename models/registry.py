"""The systems there are: a name in the configuration and the package behind it. A new system adds its line here."""

from importlib import import_module

from models.system import System
from toolkit.errors import InputError

SYSTEMS = {
    "still": "models.still",
    "diffdub": "models.diffdub",
    "difftalk": "models.difftalk",
    "diffused_heads": "models.diffused_heads",
}


def get_system(name: str) -> System:
    """The system of that name."""
    if name not in SYSTEMS:
        raise InputError(name, "there is no such system", f"Choose from {', '.join(SYSTEMS)}")
    return import_module(SYSTEMS[name]).SYSTEM
