"""Word error rate of what a lip reader reads from the generated picture, from 0, lower is better (specs/metrics.md
section 12).

No lip reader is part of this project: whoever has one writes down what it reads, and names it. Its mouth crops, frame
rate and training are part of the number, so rates of two readers do not compare.
"""

import json
from pathlib import Path

from metrics.measure import TrackedVideo, Transcripts, Value
from metrics.metric import Metric, NotComputed
from toolkit.errors import InputError

METRICS = (
    Metric(
        name="wer",
        title="WER",
        unit="share",
        direction="lower",
        needs=("transcripts",),
        definition="Substituted, left out and added words of a lip reader's transcript over the words that are said, both in lower "
        "case without punctuation. On single words it is 1 - accuracy.",
        source="jiwer; the lip reader is the user's own, named in the score's settings",
    ),
)


def compute(tracked: TrackedVideo) -> dict[str, Value]:
    """The rate of this pair's transcripts."""
    return {"wer": word_error_rate(tracked.inputs.transcripts.said, tracked.inputs.transcripts.read)}


def word_error_rate(said: str, read: str) -> float:
    """(substitutions + deletions + insertions) / words said, from 0; over 1 where more is read than said.
    `NotComputed` where nothing is said."""
    if not any(character.isalnum() for character in said):
        raise NotComputed("nothing is said in the reference transcript")
    import jiwer  # a tenth of a second, and most pairs have no transcripts

    words = jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )
    return float(jiwer.wer(said, read, reference_transform=words, hypothesis_transform=words))


def read_transcripts(said: str | Path, read: str | Path) -> Transcripts:
    """Two transcript files: plain text, or JSON with `text` and, for what was read, the `reader`'s name; without one
    the reader is called by the folder that holds its systems' folders."""
    reference, reading = _transcript(said), _transcript(read)
    return Transcripts(
        reference["text"], reading["text"], reading.get("reader") or Path(read).resolve().parents[1].name
    )


def _transcript(path: str | Path) -> dict:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # some editors begin UTF-8 with a mark, which is no letter
        content = json.loads(text) if Path(path).suffix == ".json" else {"text": text}
    except ValueError as error:
        raise InputError(path, f"it cannot be read ({error})", "Write it in UTF-8") from error
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        raise InputError(path, 'it is no transcript: JSON with a "text" is expected', "Write plain text instead")
    return content
