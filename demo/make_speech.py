"""Make the demo's recordings and mouth tracks with eSpeak NG: run once by hand, its results are committed.

    python demo/make_speech.py        # needs libespeak-ng.so.1 (Debian: apt-get install libespeak-ng1)

The command-line program prints no phoneme times, so the C library is called: its synthesis callback hands out the
samples together with an event at the start of every phoneme. Each phoneme has a mouth opening and a lip roundness; a
weighted Gaussian blends them into smooth tracks, in which lip closures win over their neighbours as they do in speech.
"""

import ctypes
import json
import unicodedata
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = 640  # at 25 frames a second; recordings are a whole number of frames
TRACK_RATE = 100  # Hz
SILENCE = 0.16  # s before and after the sentence, so that every clip shows a closed mouth
BLEND = 0.035  # s, standard deviation of the coarticulation window
PEAK = 0.7  # of the loudest sample
SPEED = 152  # words a minute
FOLDER = Path(__file__).parent / "speech"

RETRIEVAL, PHONEME_EVENTS, IPA_NAMES, UTF8 = 1, 1, 2, 1  # constants of espeak-ng/speak_lib.h
RATE_PARAMETER, PHONEME_EVENT = 1, 7

# Inner-lip gap over the distance between the outer eye corners, by IPA symbol.
OPENING = (
    dict.fromkeys("aɑæɐ", 0.25)
    | dict.fromkeys("ɒ", 0.23)
    | dict.fromkeys("ɔʌɛ", 0.19)
    | dict.fromkeys("eoɜ", 0.15)
    | dict.fromkeys("əɚᵻ", 0.09)
    | dict.fromkeys("ɪʊ", 0.08)
    | dict.fromkeys("iuʉ", 0.065)
    | dict.fromkeys("szʃʒ", 0.045)
    | dict.fromkeys("fv", 0.018)
    | dict.fromkeys("mbp", 0.0)
)
CONSONANT_OPENING = 0.053
ROUNDNESS = (
    dict.fromkeys("uʉw", 1.0)
    | dict.fromkeys("oʊɔ", 0.8)
    | dict.fromkeys("ɒʃʒ", 0.5)
    | dict.fromkeys("ɹrɜɚ", 0.4)
    | dict.fromkeys("ie", -0.3)  # spread lips
)
WEIGHT = dict.fromkeys("mbpfv", 3.5) | dict.fromkeys("tdkɡŋn", 0.5) | dict.fromkeys("h", 0.1)

SENTENCES = {
    "balloons": ("en-us+f2", "Bobby popped five balloons, and the puppy barked all afternoon."),
    "market": ("en-us+f2", "My father bought apples and plums at the open market."),
    "umbrella": ("en-us+f2", "Pack a warm jumper and an umbrella, because it may pour."),
    "cabin": ("en-us+f2", "The old cabin above the harbor has a marvelous open fire."),
    "planets": ("en-us+f2", "Mars and Venus are planets that anybody may spot by night."),
    "paint": ("en-us+f2", "Pam mopped the path before her mother painted the back door."),
    "camera": ("en-us+f4", "Move the camera back a bit, and wave to my family."),
    "bakery": ("en-us+f4", "Both bakeries open at five, but the bread is warm by four."),
    "piano": ("en-us+f4", "Paul plays the piano badly, but he laughs about it a lot."),
    "lamb": ("en-us+f4", "A black lamb jumped over the bar and ran past the barn."),
    "summer": ("en-us+f4", "Last summer we swam far above the calm, warm coral bay."),
    "robot": ("en-us+f4", "My robot pours coffee, opens the mail and hums an opera."),
    "ferry": ("en-us", "Our ferry from Palermo arrives at half past eleven."),
    "maps": ("en-us", "Maps may lie, but a compass always points up north."),
    "parrot": ("en-us", "The purple parrot talked back and mimicked the alarm."),
    "farmer": ("en-us+m7", "A farmer and a barber shared a pot of lamb and barley."),
    "drums": ("en-us+m7", "Five hard drums and a bass opened the Monday program."),
    "museum": ("en-us+m7", "Most of the museum is above a pub on Apple Avenue."),
    "bridge": ("en+m3", "The bus stops on top of the bridge, not far from the palm."),
    "pepper": ("en+m3", "Add pepper, butter and a cup of hot broth, and mop up the plate."),
    "volume": ("en+m3", "Please be calm, open your arms, and hum at half volume."),
    "island": ("en-gb-scotland", "From the island you may hear a piper march past the abbey."),
    "bottle": ("en-gb-scotland", "Rob found a bottle of plum jam among a box of pans."),
    "walk": ("en-gb-scotland", "We walked a mile up the moor, but a bull blocked the path."),
}


class Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),  # a union there; a phoneme's name in UTF-8
    )


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


def synthesise(espeak: ctypes.CDLL, rate: int, voice: str, text: str) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Speak `text`: float samples at 16 kHz and (start in seconds, IPA name) of each phoneme; a pause has no name."""
    blocks, phonemes = [], []

    @CALLBACK
    def collect(samples, count, events):
        if samples and count:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for event in iter_events(events):
            if event.type == PHONEME_EVENT:
                phonemes.append((event.audio_position / 1000, event.name.decode()))
        return 0

    espeak.espeak_SetSynthCallback(collect)
    if espeak.espeak_SetVoiceByName(voice.encode()) != 0:
        raise SystemExit(f"eSpeak NG has no voice {voice}")
    espeak.espeak_SetParameter(RATE_PARAMETER, SPEED, 0)
    encoded = text.encode() + b"\0"
    espeak.espeak_Synth(encoded, len(encoded), 0, 1, 0, UTF8, None, None)
    espeak.espeak_Synchronize()
    speech = np.concatenate(blocks).astype(np.float32) / 32768
    return soxr.resample(speech, rate, SAMPLE_RATE), phonemes


def iter_events(events):
    """Walk the C array up to its terminator (type 0)."""
    index = 0
    while events[index].type:
        yield events[index]
        index += 1


def symbols(name: str) -> str:
    """The IPA base letters of a phoneme: length and stress marks, ties and diacritics carry no mouth shape here."""
    return "".join(letter for letter in name if unicodedata.category(letter) == "Ll" or letter in "ᵻ")


def tracks(phonemes: list[tuple[float, str]], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Opening and roundness at `TRACK_RATE` for phonemes that start at the given times.

    A diphthong or affricate is its letters one after the other. Each track is the weighted mean of the phonemes'
    values under a Gaussian: sum(w v g) / sum(w g); the weight says which sound imposes its shape on its neighbours.
    """
    fine = 1000  # Hz
    length = round(seconds * fine)
    opening, roundness, weight = np.zeros(length), np.zeros(length), np.ones(length)
    starts = [start for start, _ in phonemes] + [seconds]
    for (start, name), end in zip(phonemes, starts[1:], strict=True):
        letters = symbols(name)
        bounds = np.linspace(start, end, len(letters) + 1)
        for letter, begin, stop in zip(letters, bounds[:-1], bounds[1:], strict=True):
            span = slice(round(begin * fine), round(stop * fine))
            opening[span] = OPENING.get(letter, CONSONANT_OPENING)
            roundness[span] = ROUNDNESS.get(letter, 0.0)
            weight[span] = WEIGHT.get(letter, 1.0)
    reach = round(4 * BLEND * fine)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (BLEND * fine)) ** 2)
    total = np.convolve(weight, window, mode="same")
    at = np.minimum(np.arange(round(seconds * TRACK_RATE)) * fine // TRACK_RATE, length - 1)
    return tuple((np.convolve(weight * track, window, mode="same") / total)[at] for track in (opening, roundness))


def record(espeak: ctypes.CDLL, rate: int, name: str, voice: str, text: str) -> float:
    """Write `speech/{name}.flac` and `.json`; returns the recording's seconds."""
    speech, phonemes = synthesise(espeak, rate, voice, text)
    loud = np.flatnonzero(np.abs(speech) > 0.01)
    end = loud[-1] / SAMPLE_RATE  # eSpeak NG adds a pause of its own
    frames = int(np.ceil((2 * SILENCE + end) * SAMPLE_RATE / SAMPLES_PER_FRAME))
    samples = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    start = round(SILENCE * SAMPLE_RATE)
    kept = speech[: len(samples) - start]
    samples[start : start + len(kept)] = kept * PEAK / np.abs(speech).max()
    seconds = len(samples) / SAMPLE_RATE
    shifted = [(round(time + SILENCE, 3), phoneme) for time, phoneme in phonemes]
    opening, roundness = tracks(shifted, seconds)
    soundfile.write(FOLDER / f"{name}.flac", samples, SAMPLE_RATE, subtype="PCM_16")
    content = {
        "sentence": text,
        "voice": voice,
        "rate": TRACK_RATE,
        "opening": [round(float(value), 4) for value in opening],
        "roundness": [round(float(value), 3) for value in roundness],
        "phonemes": shifted,
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    return seconds


def main() -> None:
    """Make every sentence."""
    espeak = ctypes.CDLL("libespeak-ng.so.1")
    rate = espeak.espeak_Initialize(RETRIEVAL, 200, None, PHONEME_EVENTS | IPA_NAMES)
    FOLDER.mkdir(exist_ok=True)
    for name, (voice, text) in SENTENCES.items():
        print(f"{name}: {record(espeak, rate, name, voice, text):.2f} s")


if __name__ == "__main__":
    main()
