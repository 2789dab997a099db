"""Opening files from strangers: only this one file, only kinds of container that cannot point at other files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from toolkit.errors import InputError

# Playlists and scripts (hls, concat, dash, image sequences, ...) name other files or addresses, so a "video" could be
# made to read any file of the user's: demuxers are allowed by name, and none of these opens a second file.
FORMATS = (
    "mov,matroska,avi,flv,asf,mpegts,mpeg,mxf,ogg,gif,rm,dv,mpegvideo,h264,hevc,m4v,ivf,nut,webp_anim,"
    "wav,w64,aiff,caf,au,mp3,flac,aac,ac3,eac3,amr,wv,ape,opus,tta"
)
OPTIONS = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS}

SYNTHETIC = "Synthetic"
"""The first word of the comment in a video that shows no real person speaking: ours carry it, and are known by it."""

CONVERT = "Convert it to mp4 with a video tool, or leave it out of the table of clips"


def url(path: str | Path) -> str:
    """A file name that FFmpeg takes literally: `concat:a|b`, `-x` and `http://...` are files like any other."""
    return f"file:{Path(path).absolute()}"


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """Open a media file with PyAV; an `InputError` says why it cannot be used."""
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path in the table of clips")
    if path.stat().st_size == 0:
        raise InputError(path, "the file is empty (0 bytes)", "Copy or download it again")
    try:
        container = av.open(url(path), options=dict(OPTIONS))
    except PermissionError as error:
        raise InputError(path, "the file may not be read", "Give yourself permission to read it") from error
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(path, why_unreadable(path), CONVERT) from error
    with container:
        yield container


def why_unreadable(path: Path) -> str:
    """The likeliest reason why FFmpeg knows no container in `path`, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(4096)
    if b"ftyp" in head[:16] or b"moov" in head[:16]:
        return "the file is truncated or damaged: its index (moov) is missing"
    if head.lstrip().startswith(b"#EXTM3U") or head.startswith(b"ffconcat"):
        return "this is a playlist that points at other files, not a video"
    if b"\0" not in head and _is_text(head):
        return "this is a text file, not a video"
    return "this is not a video or sound file, or it is damaged at its beginning"


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3  # a letter cut in two by the end of `head`
    return True
