"""Picture and sound into one file that plays everywhere and says what it is."""

from pathlib import Path

from toolkit.files import atomic_path
from toolkit.media.ffmpeg import run, source, target
from toolkit.media.frames import FrameReader
from toolkit.timing import SAMPLES_PER_FRAME

_SOUND_RATE = 48_000  # what players handle best; a frame of AAC is then half a video frame long


def mux(mp4: str | Path, wav: str | Path, output: str | Path, *, title: str, comment: str) -> None:
    """Put the sound of `wav` beside the picture of `mp4` (the workflow's own files), exactly as long as the picture.

    The picture is copied, not encoded again; the sound becomes AAC, padded with silence or cut at its end alone. The
    index stands first in the file (faststart), so that it plays while it loads; `title` and `comment` are its metadata.
    """
    with FrameReader(mp4) as reader:
        samples = len(reader) * SAMPLES_PER_FRAME
    sound = source(wav)["a:0"].filter("apad").filter("atrim", end_sample=samples)
    codecs = {"vcodec": "copy", "acodec": "aac", "ar": _SOUND_RATE, "audio_bitrate": "128k"}
    words = {"metadata:g:0": f"title={title}", "metadata:g:1": f"comment={comment}"}
    with atomic_path(output) as partial:
        run(target(partial, source(mp4)["v:0"], sound, f="mp4", movflags="+faststart", **codecs, **words), output)
