"""The project's clock: video at 25 frames a second, speech at 16,000 samples a second, 640 samples a frame."""

FPS = 25
SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS


def frame_count(seconds: float) -> int:
    """Frames of a clip that lasts `seconds`: round(25 s), halves up, so that sound and picture agree on one number."""
    return int(seconds * FPS + 0.5)
