"""Video and sound: reading strangers' files safely, the project's files exactly.

Strangers' files go through `container`, `probe`, `check`, `resample` and `audio`; the project's (25 fps, 16 kHz,
tagged BT.709) are read by `frames` and written by `writer` and `mux`.
"""
