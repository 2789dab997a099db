"""Numbered JPEG pictures as a video, without a change to one bit of them."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace

from toolkit.errors import InputError
from toolkit.files import atomic_path
from toolkit.timing import FPS

_LARGEST = 64 << 20  # bytes of a picture
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # SOF0 to SOF15


def write_jpegs(mkv: str | Path, pictures: Iterable[Path]) -> int:
    """Write JPEG files of one size as a video of 25 frames a second (Motion JPEG in Matroska), whole or not at all; return
    how many there were. InputError for a file that is no JPEG or of another size than the first."""
    count, size = 0, None
    with atomic_path(mkv) as partial, av.open(f"file:{partial.absolute()}", "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=FPS)
        for path in pictures:
            content = _read(path)
            here = jpeg_size(path, content)
            if size is None:
                size = here
                _describe(stream, *size)
            if here != size:
                problem = f"is a picture of {here[0]} x {here[1]}, the first one of {size[0]} x {size[1]}"
                raise InputError(path, problem, "Write the images again, all of one size")
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, FPS), True
            packet.pts = packet.dts = count
            packet.duration = 1
            container.mux(packet)
            count += 1
        if not count:
            raise ValueError(f"no pictures for {mkv}")
    return count


def _describe(stream: av.VideoStream, width: int, height: int) -> None:
    stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
    stream.time_base = Fraction(1, FPS)
    # What JPEG files mean (JFIF), whatever their size: readers take large videos without a tag for BT.709.
    stream.codec_context.colorspace, stream.codec_context.color_range = Colorspace.ITU601, ColorRange.JPEG


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(path, f"is larger than {_LARGEST >> 20} MiB", "Write the image again")
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "Write the image again") from None


def jpeg_size(path: str | Path, content: bytes) -> tuple[int, int]:
    """Width and height of a JPEG file by its frame header (ITU T.81, B.2.2); InputError, which names `path`, where there is
    none."""
    place = 2
    while content[:2] == b"\xff\xd8" and place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = struct.unpack_from(">BH", content, place + 1)
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", content, place + 5)
            if width and height:
                return width, height
            break
        place += 2 + length
    raise InputError(path, "is no JPEG picture, or a damaged one", "Write the image again")
