"""What the speech sounds like, 50 times a second: mel and cepstra from signal processing, or hidden states.

Feature frame 2i is centred on video frame i. The array is written block by block, so that an hour of speech takes no
more memory than a minute.
"""

from pathlib import Path

from toolkit import devices
from toolkit.errors import InputError
from toolkit.files import write_blocks, write_json
from toolkit.log import job_log
from toolkit.speech import HOP, Recording, log_mel_blocks, mfcc_blocks, video_frames
from toolkit.timing import SAMPLE_RATE

FRONT_ENDS = {"mel": log_mel_blocks, "mfcc": mfcc_blocks}


def extract_features(
    audio: str | Path,
    features: str | Path,
    info: str | Path,
    *,
    encoder: str,
    model: str | None = None,
    layer: int | str | None = "all",
    download: bool = False,
    window: float = 30.0,
    dtype: str = "float32",
) -> None:
    """Write `features` (.npy) and `info` (.json: rate, shape and settings) of a clip of T video frames.

    The shape is (2T, 80) for mel, (2T, 39) for mfcc and (2T, layers, width) else.
    encoder: mel, mfcc, hubert, wav2vec2 or whisper. The other options belong to the last three and to nothing else:
    model: folder or hub name;  layer: "all" or a hidden layer's number;  download: whether the hub may be asked
    window: seconds heard at once;  dtype: how they are stored, float32 or float16
    """
    samples = Recording(audio)
    if not len(samples):
        raise InputError(audio, "holds no sound", "Give a longer recording")
    if encoder in FRONT_ENDS:
        model = layer = None
        dtype = "float32"
        shape = write_blocks(features, FRONT_ENDS[encoder](samples), 2 * video_frames(samples), dtype)
    else:
        with devices.lease():
            from models.speech.encoders import features as hidden_states
            from models.speech.encoders import load

            network = load(encoder, model, download=download, device=devices.device())
            blocks = hidden_states(network, samples, layer, window)
            shape = write_blocks(features, blocks, 2 * video_frames(samples), dtype)
    rate = SAMPLE_RATE // HOP
    about = {"encoder": encoder, "model": model, "layer": layer, "rate": rate, "shape": shape, "dtype": dtype}
    write_json(info, about)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        extract_features(snakemake.input.audio, snakemake.output.features, snakemake.output.info, **snakemake.params)
