"""What a GPU does with the systems: parity, speed, memory, training steps, and real faces after minutes of training.

    python -m benchmarks.gpu prepare DATA PREPARED   # here: clips that the GPU machine gets, from real videos and talkers
    python -m benchmarks.gpu PREPARED OUT            # there: every part; OUT/gpu.md and gpu.csv grow row by row
    python -m benchmarks.gpu measure OUT             # here: the mouths in the pictures that came back
    python -m benchmarks.gpu docs OUT                # here: docs/benchmarks.md's section from OUT

The GPU machine needs Python 3.12, torch 2.11 or newer with CUDA, NumPy, OpenCV, Pillow, lightning and safetensors, the
repository's files, and PREPARED: 60 MB together, nothing else, no network. OUT has six files, none over 16 MB. Each part is bounded in
seconds, in all ten minutes. Where a command may take no longer, `--parts bd` and then, with another OUT, `--parts cea`;
`docs` takes both. With `--tiny` the same paths run on a CPU in a minute.
"""
