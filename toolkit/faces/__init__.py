"""Faces: detectors, landmarks and their track through a clip, the face square, and pasting back.

Images are (H, W, 3) uint8 RGB, points are pixels (x right, y down, the centre of the top-left pixel is 0, 0), boxes are
(left, top, right, bottom) in pixels.
"""
