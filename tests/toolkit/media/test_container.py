"""Files from strangers: what they are is told by their content, and no content or name makes us open another file."""

import os
import shutil
import subprocess

import av
import cv2
import pytest
import soundfile

from tests.toolkit.media.synthetic_clips import clicks, draw, even_times, make_clip, number_in
from toolkit.errors import InputError
from toolkit.media.audio import extract_sound
from toolkit.media.container import opened
from toolkit.media.ffmpeg import executable, run, source, target
from toolkit.media.frames import read_frames
from toolkit.media.probe import probe
from toolkit.media.resample import resample_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("c") / "clip.mp4", even_times(25, 2), sound=clicks([0.5], 2))


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.mp4",
        'it\'s "quoted".mp4',
        "a;touch x;.mp4",
        "$(touch x)`touch x`.mp4",
        "Übung 日本語.mp4",
        "-i.mp4",
        "concat:a|b.mp4",
        "http:x.mp4",
        "frame%03d.mp4",
        "a,b[c]=d:e\\f.mp4",
        "{clip}*?.mp4",
        "line\nbreak.mp4",
    ],
)
def test_every_name_is_only_a_name(tmp_path, monkeypatch, clip, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, tmp_path / name)
    os.mkdir("out")
    for path in (name, tmp_path / name):  # relative and absolute
        assert probe(path).frames == 50
        cut = resample_video(path, f"out/{name}")
        extract_sound(path, f"out/{name}.wav", zero=cut.zero, frames=cut.frames)
        assert [number_in(frame) for frame in read_frames(f"out/{name}")] == list(range(50))
    assert sorted(os.listdir(tmp_path)) == sorted([name, "out"])
    assert sorted(os.listdir("out")) == sorted([name, f"{name}.wav"])


def playlists(other) -> dict[str, str]:
    """Texts that FFmpeg would take for a way to `other`."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n",
        "hls of a password file": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{other}'\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{other}</BaseURL></MPD>',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "avisynth": f'DirectShowSource("{other}")\n',
    }


@pytest.mark.parametrize("kind", list(playlists("")))
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".txt"])
def test_playlists_are_refused(tmp_path, clip, kind, suffix):
    shutil.copy(clip, tmp_path / "other.mp4")
    path = tmp_path / f"source{suffix}"
    path.write_text(playlists(tmp_path / "other.mp4")[kind])
    attempts = [
        lambda: probe(path),
        lambda: resample_video(path, tmp_path / "clip.mp4"),
        lambda: extract_sound(path, tmp_path / "clip.wav", zero=0.0, frames=25),
        lambda: next(read_frames(path)),
        lambda: run(target(tmp_path / "clip.mp4", source(path)["v:0"]), path),  # ffmpeg's own guard, without ours
    ]
    for attempt in attempts:
        with pytest.raises(InputError):
            attempt()
    assert sorted(os.listdir(tmp_path)) == sorted(["other.mp4", path.name])


def test_the_whitelist_is_what_refuses_the_playlist(tmp_path, clip):
    """Without it FFmpeg would follow: the test above means something."""
    path = tmp_path / "source.mp4"
    path.write_text(playlists(clip)["concat"])
    with av.open(str(path), options={"safe": "0"}) as container:
        assert container.format.name == "concat"
        assert next(container.decode(video=0)).width == 96


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"this is only text\n" * 50, "text file"),
        ("nur Text, äöü 日本語\n".encode() * 300, "text file"),
        (bytes(range(256)) * 40, "not a video or sound file"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(5000), "moov"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture is damaged"),
    ],
    ids=["empty", "text", "unicode text", "noise", "no index", "broken picture"],
)
def test_what_is_wrong_is_said(tmp_path, content, problem):
    (tmp_path / "video.mp4").write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        probe(tmp_path / "video.mp4")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "absent.mp4", tmp_path):
        with pytest.raises(InputError, match="no such file"), opened(path):
            pass


def test_a_song_with_a_cover_has_no_video(tmp_path):
    soundfile.write(tmp_path / "s.wav", clicks([0.1], 1), 48_000)
    cv2.imwrite(str(tmp_path / "cover.png"), draw(1))
    command = [executable(), "-i", tmp_path / "s.wav", "-i", tmp_path / "cover.png", "-map", "0", "-map", "1"]
    command += ["-c:v", "copy", "-disposition:v", "attached_pic", tmp_path / "song.m4a"]
    subprocess.run(command, check=True, capture_output=True)
    with opened(tmp_path / "song.m4a") as container:
        assert container.streams.video
    media = probe(tmp_path / "song.m4a")
    assert (media.has_video, media.has_audio) == (False, True)
