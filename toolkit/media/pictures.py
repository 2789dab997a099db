"""Portraits: single pictures, upright, as RGB."""

from pathlib import Path

import cv2
import numpy as np

from toolkit.errors import InputError

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")


def is_picture(path: str | Path) -> bool:
    """Whether the file starts as PNG, JPEG, BMP, TIFF or WebP pictures do (its name does not matter)."""
    with Path(path).open("rb") as file:
        head = file.read(12)
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def read_picture(path: str | Path) -> np.ndarray:
    """Decode a picture: (H, W, 3) uint8 RGB, turned upright by its EXIF orientation; transparency is dropped."""
    encoded = np.fromfile(path, dtype=np.uint8)  # read by us, so that OpenCV never interprets the name
    try:
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        picture = None
    if picture is None:
        raise InputError(path, "the picture is damaged", "Save it again as PNG or JPEG")
    return picture
