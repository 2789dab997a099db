"""Where a user's transcripts stand."""

from pathlib import Path


def find_transcripts(folder: str | None, system: str, video: str, audio: str) -> list[str]:
    """What is said in a pair's speech (`{audio}`) and what a lip reader has read from its picture
    (`{system}/{video}--{audio}`), `.json` or `.txt`, where the folder has both; else none."""
    if folder is None:
        return []
    names = (audio, f"{system}/{video}--{audio}")
    files = [[path for suffix in (".json", ".txt") if (path := Path(folder, name + suffix)).exists()] for name in names]
    return [str(found[0]) for found in files] if all(files) else []
