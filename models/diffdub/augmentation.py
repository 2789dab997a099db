"""What is done to the encoder's pictures in training so that a lip latent holds lips and little else.

As published (DiffDub specification, section 6.1), on RGB uint8 pictures (size, size, 3) and in this order: mirrored,
recoloured, blurred, warped. The frame that is painted and its reference stay as they are.
"""

import cv2
import numpy as np

COLOUR = 0.2  # brightness, contrast and saturation within 1 +- 0.2, hue within +- 0.2 of the circle
BLUR_WIDTHS = (3, 5, 7)
ROTATION, SCALE, SHIFT = 20.0, 0.1, (0.1, 0.2)  # degrees; relative; shares of the size, always right and down


def augment(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A disturbed copy of the picture."""
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    if random.random() < 0.3:
        picture = jitter(picture, random)
    if random.random() < 0.1:
        width = int(random.choice(BLUR_WIDTHS))
        picture = cv2.blur(np.ascontiguousarray(picture), (width, width))
    if random.random() < 0.5:
        picture = warp(picture, random)
    return np.ascontiguousarray(picture)


def jitter(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue, each by a random amount, in random order."""
    colours = picture.astype(np.float32)
    for change in random.permutation([_brightness, _contrast, _saturation, _hue]):
        colours = np.clip(change(colours, random.uniform(-COLOUR, COLOUR)), 0, 255)
    return np.round(colours).astype(np.uint8)


def warp(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turned and scaled about the centre, then shifted right and down; black where nothing was."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D(
        ((width - 1) / 2, (height - 1) / 2), random.uniform(-ROTATION, ROTATION), random.uniform(1 - SCALE, 1 + SCALE)
    )
    matrix[:, 2] += random.uniform(*SHIFT, size=2) * (width, height)
    return cv2.warpAffine(np.ascontiguousarray(picture), matrix, (width, height), flags=cv2.INTER_LINEAR)


def _grey(colours: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)


def _brightness(colours: np.ndarray, amount: float) -> np.ndarray:
    return colours * (1 + amount)


def _contrast(colours: np.ndarray, amount: float) -> np.ndarray:
    mean = _grey(colours).mean()
    return mean + (colours - mean) * (1 + amount)


def _saturation(colours: np.ndarray, amount: float) -> np.ndarray:
    grey = _grey(colours)[..., None]
    return grey + (colours - grey) * (1 + amount)


def _hue(colours: np.ndarray, amount: float) -> np.ndarray:
    hsv = cv2.cvtColor(colours / 255, cv2.COLOR_RGB2HSV)  # hue in degrees for float pictures
    hsv[..., 0] = (hsv[..., 0] + 360 * amount) % 360
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
