import numpy as np
import pytest

from models.speech.rows import check_shape, rows_per_frame
from toolkit.errors import InputError


@pytest.mark.parametrize(("rows", "each"), [(95, 1), (100, 1), (105, 1), (195, 2), (200, 2), (205, 2)])
def test_one_or_two_rows_belong_to_a_frame(rows, each):
    assert rows_per_frame(np.zeros((rows, 2)), 100) == each


@pytest.mark.parametrize("rows", [0, 94, 106, 150, 194, 206])
def test_lengths_that_cannot_belong_are_refused(rows):
    with pytest.raises(InputError, match=f"{rows} rows belong neither once nor twice to each of 100 video frames"):
        rows_per_frame(np.zeros((rows, 2)), 100)


def test_features_of_another_encoder_are_refused_by_their_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 3)))
    features = np.load(tmp_path / "a.npy", mmap_mode="r")
    check_shape(features, (2, 3), (2, 3))
    with pytest.raises(InputError, match=r"a\.npy: 2 x 3 values a frame, but the weights were trained on 1 x 80"):
        check_shape(features, (2, 3), (1, 80))
