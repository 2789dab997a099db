"""What a GPU does with the published networks: parity, speed, memory, training steps.

python -m benchmarks.gpu OUT              # every part, each within its seconds; OUT/gpu.md and gpu.csv after each
python -m benchmarks.gpu OUT --tiny       # the same paths at small sizes, for a test on a CPU
"""
