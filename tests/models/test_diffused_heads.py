"""What the workflow asks of the system while it plans."""

import numpy as np
import pytest

from models.diffused_heads import SYSTEM, mask, pasted, timeline
from toolkit.faces.masks import square_mask

OVAL = 32 + 20 * np.stack([np.cos(np.linspace(0, 2 * np.pi, 68)), np.sin(np.linspace(0, 2 * np.pi, 68))], axis=1)


def test_it_sees_aligned_faces_and_has_one_stage():
    assert (SYSTEM.view, SYSTEM.stages) == ("aligned", ("unet",))
    assert SYSTEM.timeline is timeline
    assert SYSTEM.mask is mask
    assert (SYSTEM.folder / "options.schema.yaml").is_file()


def test_the_face_is_pasted_where_the_landmarks_are():
    found = mask(OVAL, 64, {"paste": "face"})
    assert found.shape == (64, 64)
    assert found[32, 32] == 1
    assert found[0, 0] == found[-1, -1] == 0
    assert not np.array_equal(found, mask(OVAL - 8, 64, {"paste": "face"}))


def test_the_square_is_pasted_wherever_they_are():
    for points in (OVAL, OVAL - 8):
        np.testing.assert_array_equal(mask(points, 64, {"paste": "square"}), square_mask(64))


def test_nothing_is_pasted_where_the_plain_square_is_wanted():
    assert [pasted({"paste": paste}) for paste in ("face", "square", "nothing")] == [True, True, False]


@pytest.mark.parametrize(
    ("beyond", "expected"),
    [("ping_pong", [0, 1, 2, 1, 0, 1, 2]), ("loop", [0, 1, 2, 0, 1, 2, 0]), ("hold", [0, 1, 2, 2, 2, 2, 2])],
)
def test_the_video_goes_on_under_longer_speech(beyond, expected):
    assert timeline(3, 7, {"beyond": beyond}).tolist() == expected
    assert timeline(3, 2, {"beyond": beyond}).tolist() == [0, 1]


def test_a_portrait_stays():
    assert timeline(1, 4, {"beyond": "ping_pong"}).tolist() == [0, 0, 0, 0]
