"""Which code this is."""

import subprocess
from pathlib import Path


def commit() -> str | None:
    """The git commit of this code, with `+` where files differ from it; None where it is no checkout of its own."""
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + "+" * bool(changes)
