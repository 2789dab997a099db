"""Video and sound: reading strangers' files safely, the house's own files exactly.

Strangers' files are read by `probe`, `inspect`, `resample` and `audio`; what those write (25 fps, 16 kHz, tagged BT.709) is read
by `frames` and written by `writer` and `mux`.
"""
