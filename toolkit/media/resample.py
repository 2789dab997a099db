"""Any video to the project's form: 25 frames a second by time stamps, upright, square pixels, even size, 8-bit BT.709."""

from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import InputError
from toolkit.files import atomic_path
from toolkit.media.box import Box, require_inside
from toolkit.media.colour import untagged_matrix
from toolkit.media.container import opened
from toolkit.media.ffmpeg import run, source, target
from toolkit.media.pictures import read_picture
from toolkit.media.probe import Media, probe, video_stream
from toolkit.media.writer import KEY_INTERVAL, write_video
from toolkit.timing import FPS, frame_count

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


@dataclass(frozen=True)
class Cut:
    """What became of a source: frame i of the clip stands for the moment `zero` + i/25 s on the source's own clock."""

    zero: float
    frames: int


def resample_video(
    path: str | Path,
    mp4: str | Path,
    *,
    start: float | None = None,
    end: float | None = None,
    crop: Box | None = None,
    crf: int = 14,
) -> Cut:
    """Write the clip `start` .. `end` (s from the first picture; None: all of it) at exactly 25 frames a second.

    A source picture goes to the frame nearest to its time stamp and stays until the next one, so variable and odd rates
    keep their time: the clip has round(25 · seconds) frames. A picture file becomes a video of one frame. Of an odd
    size the last row or column is lost. `crop`: the part of the picture that is taken. One pass, in constant memory.
    """
    media = probe(path)
    if not media.has_video:
        raise InputError(path, "it has no video track", "Give a video or a picture of the speaker")
    if crop is not None:
        require_inside(path, crop, media.width, media.height)
    if media.is_picture:
        frame = read_picture(path) if crop is None else crop.cut(read_picture(path))
        height, width = frame.shape[:2]
        return Cut(0.0, write_video(mp4, [frame[: height // 2 * 2, : width // 2 * 2]], crf=crf))
    start = start or 0.0
    zero = media.video_start + start
    with atomic_path(mp4) as partial:
        limit = {} if end is None else {"frames:v": frame_count(end - start)}
        encoder = {"vcodec": "libx264", "crf": crf, "preset": "veryfast", "g": KEY_INTERVAL}
        tags = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
        output = target(
            partial, _filtered(path, media, zero, crop), f="mp4", movflags="+faststart", **encoder, **tags, **limit
        )
        run(output, path, "-copyts")
        frames = _count(partial)
        if not frames:
            raise InputError(path, f"there is no picture after {start:g} s", "Correct the clip's start and end")
    return Cut(zero, frames)


def _filtered(path: str | Path, media: Media, zero: float, crop: Box | None):
    """The source's pictures through the filters, as a stream of ffmpeg's."""
    with opened(path) as container:
        video = video_stream(container)
        index, height = video.index, video.codec_context.height
        tagged = video.codec_context.colorspace != _UNSPECIFIED
        begin = (container.start_time or 0) / 1e6
    # Seek to the key frame before, so that the picture on screen at `zero` is there even when it began earlier; time
    # stamps are kept (copyts) and counted from `zero`, before which `fps` drops all but the last picture.
    seek = {"ss": zero - begin, "noaccurate_seek": None} if zero > media.video_start else {}
    matrix = "auto" if tagged else int(untagged_matrix(height))
    colours = {"in_color_matrix": matrix, "out_color_matrix": "bt709", "out_range": "tv"}
    flags = "bicubic+accurate_rnd+full_chroma_int"
    pictures = source(path, an=None, sn=None, dn=None, **seek)[str(index)]
    pictures = pictures.filter("setpts", f"PTS-({zero!r})/TB").filter("fps", FPS, start_time=0, round="near")
    if crop is None:
        pictures = pictures.filter("crop", "2*trunc(iw/2)", "2*trunc(ih/2)", 0, 0)
        pictures = pictures.filter("scale", media.width // 2 * 2, media.height // 2 * 2, flags=flags, **colours)
    else:
        # Cut where the pixels are square already, and before colours are halved: a box may begin at an odd pixel.
        pictures = pictures.filter("scale", media.width, media.height, flags=flags, **colours).filter(
            "format", "yuv444p"
        )
        even = crop.width // 2 * 2, crop.height // 2 * 2
        pictures = pictures.filter("crop", *even, crop.left, crop.top, exact=1)
    return pictures.filter("setsar", 1).filter("format", "yuv420p")


def _count(mp4: Path) -> int:
    """Frames in a file that was just written; 0 where it has no track because nothing was encoded."""
    with opened(mp4) as container:
        return sum(stream.frames for stream in container.streams.video)
