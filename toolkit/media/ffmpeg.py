"""Running ffmpeg: the system's, else the one inside imageio-ffmpeg; never through a shell."""

import shutil
from functools import cache
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
from ffmpeg.nodes import FilterableStream, OutputStream

from toolkit.errors import InputError
from toolkit.media.container import OPTIONS, url


@cache
def executable() -> str:
    """The ffmpeg to run."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def source(path: str | Path, **options: object) -> FilterableStream:
    """A file as ffmpeg's input: this one file, of a kind that cannot point at others."""
    return ffmpeg.input(url(path), **OPTIONS, **options)


def target(path: str | Path, *streams: FilterableStream, **options: object) -> OutputStream:
    """Streams as ffmpeg's output, free of the source's metadata (which may name people and places)."""
    return ffmpeg.output(*streams, url(path), map_metadata=-1, map_chapters=-1, **options)


def run(output: OutputStream, subject: str | Path, *arguments: str) -> None:
    """Run ffmpeg. Where it fails, its own last words become an `InputError` about `subject`."""
    command = output.global_args("-nostdin", "-hide_banner", "-loglevel", "error", *arguments).overwrite_output()
    try:
        command.run(cmd=executable(), quiet=True)
    except ffmpeg.Error as error:
        words = [line.strip() for line in error.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        said = words[-1].rstrip(".") if words else "no message"
        raise InputError(
            subject, f"ffmpeg cannot convert it ({said})", "Convert it to mp4 with a video tool"
        ) from error
