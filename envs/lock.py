"""Pin what pyproject.toml asks for: `requirements.txt` to run, `requirements-test.txt` for what the tests add.

pip itself resolves the versions; nothing is installed. Builds of one package for one machine (`2.13.0+cpu`) are pinned by their
public version, so that a machine with a GPU takes its own build.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = "# Generated from pyproject.toml by `make lock`. Do not edit.\n"
# What pip resolves for one machine's GPU build of torch is that build's business, not ours.
MACHINE_BOUND = ("nvidia-", "cuda-", "triton")


def resolve(target: str) -> dict[str, str]:
    """Names and versions that pip would install for `target` into an empty environment."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--report",
        "-",
        target,
    ]
    report = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    found = {item["metadata"]["name"].lower(): item["metadata"]["version"].split("+")[0] for item in report["install"]}
    return {
        name: version for name, version in found.items() if name != "talkflow" and not name.startswith(MACHINE_BOUND)
    }


def write(path: Path, pins: dict[str, str]) -> None:
    path.write_text(HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items())))


if __name__ == "__main__":
    run, test = resolve("."), resolve(".[test]")
    write(ROOT / "requirements.txt", run)
    write(ROOT / "requirements-test.txt", {name: version for name, version in test.items() if name not in run})
