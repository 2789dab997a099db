import pytest

from models.timeline import extend_indices


@pytest.mark.parametrize(
    ("beyond", "expected"),
    [("ping_pong", [0, 1, 2, 1, 0, 1, 2, 1]), ("loop", [0, 1, 2, 0, 1, 2, 0, 1]), ("hold", [0, 1, 2, 2, 2, 2, 2, 2])],
)
def test_a_short_video_goes_on(beyond, expected):
    assert extend_indices(3, 8, beyond).tolist() == expected


@pytest.mark.parametrize("beyond", ["ping_pong", "loop", "hold"])
def test_a_long_video_is_cut_and_a_portrait_stands(beyond):
    assert extend_indices(9, 4, beyond).tolist() == [0, 1, 2, 3]
    assert extend_indices(1, 4, beyond).tolist() == [0, 0, 0, 0]


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="ping_pong, loop or hold"):
        extend_indices(2, 4, "bounce")
