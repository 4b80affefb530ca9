"""A hundred thousand tiny recordings in the layouts of the corpora of the original dataset builder, all different."""

import io
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

WAV = struct.Struct("<4sI4s4sIHHIIHH4sI")
SAMPLES = 800
"""of each recording: a twentieth of a second at 16 kHz"""

MELD_PARTS = {"train": 9989, "dev": 1109, "test": 2610}
MELD_EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


def write(raw: Path) -> int:
    """Write the corpora below `raw` and return how many recordings they have."""
    packed, random, count = _packed(), np.random.default_rng(0), 0
    for path in itertools.chain(_mead(), _meld(raw), _ravdess(), _cremad(), _esd(), _emovdb(), _iemocap(raw)):
        place = raw / path
        place.parent.mkdir(parents=True, exist_ok=True)
        samples = random.integers(-3000, 3000, SAMPLES, dtype=np.int16).tobytes()
        # an atom that players pass over makes each mp4 another file
        place.write_bytes(
            _wav(samples) if place.suffix == ".wav" else packed + struct.pack(">I", 40) + b"free" + samples[:32]
        )
        count += 1
    return count


def _wav(samples: bytes) -> bytes:
    head = (b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16, b"data", len(samples))
    return WAV.pack(*head) + samples


def _packed() -> bytes:
    """A tenth of a second of AAC in an mp4."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        track = file.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        frame.rate = 48_000
        for packet in (*track.encode(frame), *track.encode(None)):
            file.mux(packet)
    return buffer.getvalue()


def _mead() -> Iterator[str]:
    others = ("angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised")
    for actor in range(48):
        name = f"{'MW'[actor % 2]}{actor:03}"
        yield from (f"MEAD/{name}/audio/neutral/level_1/{n:03}.m4a" for n in range(1, 41))
        for emotion, level, number in itertools.product(others, (1, 2, 3), range(1, 31)):
            yield f"MEAD/{name}/audio/{emotion}/level_{level}/{number:03}.m4a"


def _meld(raw: Path) -> Iterator[str]:
    for part, size in MELD_PARTS.items():
        lines = ["Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"]
        for n in range(size):
            said = f'"Line {n}, and on.",Speaker {n % 40},{MELD_EMOTIONS[n % 7]}'
            lines.append(f'{n},{said},neutral,{n // 10},{n % 10},1,1,"0:0:0,0","0:0:1,0"')
            yield f"MELD/{part}/{part}_splits/dia{n // 10}_utt{n % 10}.mp4"
        (raw / f"MELD/{part}_sent_emo.csv").write_text("\n".join(lines), encoding="utf-8")


def _ravdess() -> Iterator[str]:
    codes = itertools.product(range(1, 25), range(1, 9), (1, 2), (1, 2), (1, 2))
    for actor, emotion, intensity, statement, repetition in codes:
        if emotion > 1 or intensity == 1:
            stem = f"03-01-{emotion:02}-{intensity:02}-{statement:02}-{repetition:02}-{actor:02}"
            yield f"RAVDESS/Actor_{actor:02}/{stem}.wav"


def _cremad() -> Iterator[str]:
    sentences = ("DFA", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI", "IEO")
    for actor, sentence, emotion in itertools.product(
        range(1001, 1092), sentences, ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    ):
        levels = ("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",)
        yield from (f"CREMA-D/AudioWAV/{actor}_{sentence}_{emotion}_{level}.wav" for level in levels)


def _esd() -> Iterator[str]:
    blocks = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
    for speaker, number in itertools.product(range(1, 21), range(1, 1751)):
        yield f"ESD/{speaker:04}/{blocks[(number - 1) // 350]}/{speaker:04}_{number:06}.wav"


def _emovdb() -> Iterator[str]:
    words = {"Amused": "amused", "Angry": "anger", "Disgusted": "disgust", "Neutral": "neutral", "Sleepy": "sleepiness"}
    for speaker, folder in itertools.product(("bea", "jenie", "josh", "sam"), words):
        if speaker != "josh" or folder not in {"Angry", "Disgusted"}:
            yield from (f"EmoV-DB/{speaker}_{folder}/{words[folder]}_1-28_{n:04}.wav" for n in range(1, 384))


def _iemocap(raw: Path) -> Iterator[str]:
    codes, words = ("ang", "hap", "neu", "sad", "fru", "exc", "xxx"), ("Anger", "Happiness", "Neutral", "Sadness")
    for session, wearer, dialogue in itertools.product(range(1, 6), "FM", range(1, 9)):
        name = f"Ses{session:02}{wearer}_impro{dialogue:02}"
        rated, spoken = [], []
        for n in range(126):
            turn = f"{name}_{'FM'[n % 2]}{n:03}"
            rated.append(f"[{n}.0 - {n + 1}.0]\t{turn}\t{codes[n % 7]}\t[2.5, 2.5, 2.5]")
            rated += [f"C-E{k}:\t{words[(n + k) % 4]};\t()" for k in (1, 2, 3)] + [""]
            spoken.append(f"{turn} [{n:03}.0000-{n + 1:03}.0000]: Turn {n} of {name}.")
            yield f"IEMOCAP/Session{session}/sentences/wav/{name}/{turn}.wav"
        for kind, lines in (("EmoEvaluation", rated), ("transcriptions", spoken)):
            place = raw / f"IEMOCAP/Session{session}/dialog/{kind}/{name}.txt"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("\n".join(lines), encoding="utf-8")
