"""Landmarks by the package face-alignment (S3FD detector, 2D-FAN-4; Bulat and Tzimiropoulos 2017), frames in batches,
on a GPU if any.

The package asks for opencv-python, which would overwrite OpenCV headless; hence it is an option that is installed by
hand, without its dependencies (all of them are here anyway).
"""

import numpy as np

from toolkit.errors import InputError

_WEIGHTS = "https://www.adrianbulat.com/downloads/python-fan"
_BATCH = 16  # frames
_REACH = 1.25  # faces from the box's centre to its cell's edge: the network sees 1.03 around a point 0.12 above


class AlignmentDetector:
    """Finds faces in frames of one size at once, and fits faces of any frames at once. Images are (H, W, 3) RGB."""

    batch = _BATCH

    def __init__(self) -> None:
        import torch

        try:
            from face_alignment import FaceAlignment, LandmarksType
        except ImportError as error:
            remedy = "pip install --no-deps face-alignment==1.5.0, or choose the detector dlib"
            raise InputError("face_alignment", f"the package cannot be imported ({error})", remedy) from None
        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._net = FaceAlignment(LandmarksType.TWO_D, device=device, compile=False, max_batch_size=_BATCH)
        except OSError as error:  # urllib's errors are
            remedy = (
                f"Put s3fd-619a316812.pth and 2DFAN4-11f355bf06.pth.tar of {_WEIGHTS} into "
                f"{torch.hub.get_dir()}/checkpoints, or choose the detector dlib"
            )
            raise InputError("face_alignment", f"its weights cannot be fetched ({error})", remedy) from None

    def find(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (n, 4) and scores (n,), strongest first; a score is a probability above 0.5."""
        return self.find_many([image])[0]

    def find_many(self, images: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """`find` for images of one size, in one batch."""
        import torch

        batch = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())
        found = self._net.face_detector.detect_from_batch(batch)
        found = [np.array(faces, np.float32).reshape(-1, 5) for faces in found]
        found = [faces[np.argsort(-faces[:, 4])] for faces in found]
        return [(faces[:, :4], faces[:, 4]) for faces in found]

    def fit(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        """The points (68, 2) of the face in `box`."""
        return self.fit_many([image], [box])[0]

    def fit_many(self, images: list[np.ndarray], boxes: list[np.ndarray]) -> np.ndarray:
        """The points (n, 68, 2) of one face in each of n images.

        The package takes the faces of one picture in batches, not those of several; so the faces are laid side by side
        in one.
        """
        half = max(int(_REACH * max(box[2] - box[0], box[3] - box[1])) + 2 for box in boxes)
        side = 2 * half
        sheet = np.zeros((side, side * len(boxes), 3), np.uint8)
        corners = np.zeros((len(boxes), 2), np.float32)
        for number, (image, box) in enumerate(zip(images, boxes, strict=True)):
            left, top = int((box[0] + box[2]) / 2) - half, int((box[1] + box[3]) / 2) - half
            rows, columns = slice(max(top, 0), max(top + side, 0)), slice(max(left, 0), max(left + side, 0))
            part = image[rows, columns]
            x, y = number * side + columns.start - left, rows.start - top
            sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
            corners[number] = left - number * side, top
        # Python's own numbers: the package puts them into torch tensors one by one.
        laid = [(box - np.tile(corner, 2)).tolist() for box, corner in zip(boxes, corners, strict=True)]
        points = self._net.get_landmarks_from_image(sheet, detected_faces=laid)
        return np.stack(points).astype(np.float32) + corners[:, None]
