import numpy as np
import pytest

from toolkit.errors import InputError
from toolkit.media.box import Box, read_box, require_inside


def test_a_box_is_read_as_it_is_written():
    assert read_box("clips.tsv, line 2", " 483, 0,390,391") == Box(483, 0, 390, 391)
    assert str(Box(483, 0, 390, 391)) == "483,0,390,391"


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "a,0,64,64", "-1,0,64,64", "0,0,64,8", "1.5,0,64,64", "all"])
def test_anything_else_is_refused_by_line(text):
    with pytest.raises(InputError, match="line 2: crop is"):
        read_box("clips.tsv, line 2", text)


def test_a_box_lies_inside_the_picture():
    picture = np.arange(40 * 50).reshape(40, 50)
    require_inside("v.mp4", Box(34, 24, 16, 16), 50, 40)
    assert np.array_equal(Box(34, 24, 16, 16).cut(picture), picture[24:, 34:])
    for box in (Box(35, 24, 16, 16), Box(34, 25, 16, 16)):
        with pytest.raises(InputError, match="picture of 50 x 40 does not hold the crop"):
            require_inside("v.mp4", box, 50, 40)
