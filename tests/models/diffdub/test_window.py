import numpy as np
import pytest

from models.diffdub import window
from toolkit.errors import InputError
from toolkit.faces.masks import lower_face_mask


def face(size=256, shift=(0.0, 0.0), scale=1.0):
    """68 points of which only the five that the window uses are placed: jaw 6, 8, 10, brow 21 and nose tip 30."""
    points = np.zeros((68, 2))
    points[[6, 8, 10, 21, 30]] = [(95, 190), (128, 205), (161, 191), (115, 90), (128, 140)]
    return (points * scale + shift) * size / 256


@pytest.mark.parametrize("upper", [window.NOSE_TIP, window.BROW])
def test_the_window_is_the_jaws_polygon_grown_by_eight(upper):
    """A pixel is inside if and only if one within 8 rows and 8 columns lies in the polygon: checked pixel by pixel."""
    points = face()
    top = points[upper, 1]
    y, x = np.mgrid[:256, :256]
    # as half-planes: left, right, top, and the two lines that meet under the chin, (95,190)-(128,210)-(161,191)
    under = np.where(x <= 128, 190 + (x - 95) * 20 / 33, 210 - (x - 128) * 19 / 33)
    polygon = (x >= 95) & (x <= 161) & (y >= top) & (y <= under)
    grown = np.zeros_like(polygon)
    for row, column in np.argwhere(polygon):
        grown[row - 8 : row + 9, column - 8 : column + 9] = True
    mask = window.inside(points, 256, upper)
    assert mask.dtype == np.uint8
    # fillPoly may take one more pixel along a slanted edge than the half-planes do
    different = np.argwhere(mask.astype(bool) != grown)
    assert (different[:, 0] > 190).all()
    assert len(different) < 60
    assert window.box(mask) == (87, 169, top - 8, 218)


def test_coordinates_are_cut_toward_zero_not_down():
    """A face at the left of the frame whose right edge is at -0.5 still touches column 0, which grows to column 8."""
    points = face()
    points[:, 0] -= points[10, 0] + 0.5
    mask = window.inside(points, 256)
    assert mask.any(axis=0).nonzero()[0].tolist() == list(range(9))
    points[:, 0] -= 0.5  # -1.0: now it lies outside altogether
    assert not window.inside(points, 256).any()


@pytest.mark.parametrize("shift", [(-120, 0), (120, 0), (0, 90), (0, -150), (150, 100)])
def test_a_window_over_the_frames_edge_is_the_part_of_it_that_is_seen(shift):
    """The same face in a frame three times as large, cut out again (whole shifts, so that nothing is rounded)."""
    mask = window.inside(face(shift=shift), 256, margins=window.Margins())
    large = window.inside(face(shift=np.add(shift, 256)), 768, margins=window.Margins())[256:512, 256:512]
    np.testing.assert_array_equal(mask, large)
    assert 0 < mask.sum() < window.inside(face(), 256).sum()


def test_a_polygon_beyond_the_frame_does_not_grow_into_it():
    """It is clipped before it is grown, as published: 8 pixels further in, another order would paint a strip."""
    assert not window.inside(face(shift=(-165, 0)), 256).any()


def test_keep_is_what_the_window_leaves():
    points = face()
    kept = window.keep(points, 256)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept + window.inside(points, 256), np.ones((256, 256)))


def test_what_the_encoder_sees_covers_what_is_painted():
    assert (window.inside(face(), 256, window.BROW) >= window.inside(face(), 256, window.NOSE_TIP)).all()


def test_margins_keep_their_proportion_at_other_sizes_unless_told():
    assert window.margins_for(256) == window.Margins(5, 8)
    assert window.margins_for(64) == (1.25, 2)
    share = {size: window.inside(face(size), size).mean() for size in (64, 256, 512)}
    assert share[64] == pytest.approx(share[256], rel=0.1)  # a border of whole pixels weighs more in a small picture
    assert share[512] == pytest.approx(share[256], rel=0.05)
    assert window.inside(face(64), 64, margins=window.Margins()).mean() > 1.3 * share[64]


def test_the_encoders_crop_loses_last_row_and_column_and_is_black_outside():
    frame = np.full((256, 256, 3), 200, np.uint8)
    frame[:, 169] = frame[218] = 7  # the window's last column and row
    crop = window.encoder_crop(frame, face())
    assert crop.shape == (256, 256, 3)
    assert crop.dtype == np.uint8
    assert 7 not in crop
    assert set(np.unique(crop)) == {0, 200}
    assert (crop[-1, [0, -1]] == 0).all()  # the corners under the chin
    assert (crop[:128] == 200).all()


def test_the_encoders_crop_takes_the_nearest_source_pixel():
    y, x = np.mgrid[:256, :256]
    frame = np.stack([x, y, x * 0 + 1], axis=-1).astype(np.uint8)
    crop = window.encoder_crop(frame, face())
    for row, column in [(0, 0), (100, 37), (128, 255)]:
        assert crop[row, column].tolist() == [87 + column * 82 // 256, 82 + row * 136 // 256, 1]


def test_a_face_outside_the_picture_is_an_error_that_a_user_understands():
    with pytest.raises(InputError, match="outside the picture"):
        window.encoder_crop(np.zeros((256, 256, 3), np.uint8), face(shift=(-400, 0)))


def test_feather_is_full_in_the_polygon_and_gone_outside_the_window():
    points = face()
    mask = window.feather(points, 256)
    polygon = window.inside(points, 256, margins=window.Margins(growth=0))
    grown = window.inside(points, 256)
    assert mask.dtype == np.float32
    assert (mask[grown == 0] == 0).all()
    assert (mask[polygon == 1] == 1).all()
    assert ((mask[(grown == 1)] > 0) & (mask[grown == 1] <= 1)).all()
    rim = mask[165, 87:96]  # straight in from the left edge
    np.testing.assert_allclose(rim, np.arange(1, 10) / 9, atol=1e-6)


def test_feather_fades_at_the_pictures_edge_too():
    mask = window.feather(face(shift=(0, 60)), 256)
    assert mask[-1].max() == pytest.approx(1 / 9)


def test_landmark_scalings_of_demo_and_training_agree_on_a_square_frame():
    points = np.random.default_rng(0).integers(0, 512, (68, 2))
    demo = window.scale_landmarks(points.astype(float), 512, 256).astype(np.int64)
    np.testing.assert_array_equal(demo, window.scale_training_landmarks(points, 512, 512, 256))


def test_landmark_scalings_differ_on_an_oblong_frame():
    points = np.array([[100, 50]])
    assert window.scale_landmarks(points, 100, 256).tolist() == [[256.0, 128.0]]
    assert window.scale_training_landmarks(points, 100, 200, 256).tolist() == [[128, 128]]


def test_any_frame_is_stretched_to_the_square():
    frame = np.zeros((100, 180, 3), np.uint8)
    frame[:, 90:] = 255
    square = window.resize_frame(frame, 64)
    assert square.shape == (64, 64, 3)
    assert (square[:, :31] == 0).all()
    assert (square[:, 33:] == 255).all()


def test_lower_face_hides_all_that_moves_with_the_mouth():
    """Opening the mouth moves landmarks below the nose tip and nothing that is kept."""
    closed = face()
    spoken = closed.copy()
    spoken[6:11, 1] += 12
    np.testing.assert_array_equal(window.keep_above_nose(closed, 256), window.keep_above_nose(spoken, 256))
    assert (window.keep(closed, 256) != window.keep(spoken, 256)).any()
    kept = window.keep_above_nose(closed, 256)
    nose = int(closed[window.NOSE_TIP, 1])
    assert kept[:nose].all()
    assert not kept[nose:].any()


def test_lower_face_is_painted_where_it_is_not_kept_and_has_room_for_the_jaw():
    points = face()
    mask = lower_face_mask(points, 256)
    assert not mask[window.keep_above_nose(points, 256) == 1].any()
    column, chin = points[8].astype(int)
    assert mask[chin + int(0.05 * 256), column] == 1
    assert mask[min(chin + int(0.05 * 256) + 40, 255), column] == 0
    assert mask[0].max() == mask[:, 0].max() == mask[:, -1].max() == 0
    assert ((mask > 0) & (mask < 1)).any()


def test_lower_face_beyond_the_picture():
    points = face(shift=(0, 300))
    assert window.keep_above_nose(points, 256).all()
    assert not lower_face_mask(points, 256).any()
    assert not window.keep_above_nose(face(shift=(0, -400)), 256).any()
