import numpy as np
import pytest

from toolkit.media.masks import atomic_masks, mask_file, read_masks


def test_masks_come_back_without_loss(tmp_path):
    masks = np.random.default_rng(0).integers(0, 256, (5, 33, 47), dtype=np.uint8)
    path = mask_file(tmp_path / "a.b--c.mp4")
    with atomic_masks(path) as writer:
        for mask in masks:
            writer.write(mask)
    assert path.name == "a.b--c.mask.mkv"
    np.testing.assert_array_equal(np.stack(list(read_masks(path))), masks)


def test_nothing_appears_where_the_block_fails(tmp_path):
    with pytest.raises(MemoryError), atomic_masks(tmp_path / "a.mask.mkv") as writer:
        writer.write(np.zeros((8, 8), np.uint8))
        raise MemoryError
    assert not list(tmp_path.iterdir())
