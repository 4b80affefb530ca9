"""EMO-DB (Berlin): `wav/03a01Fa.wav` is speaker 03, sentence a01, emotion F, version a.

The emotion is the initial of the German word: Wut, Langeweile, Ekel, Angst, Freude, Trauer, Neutral.
Traps: A is Angst (fear), not anger. Some published lists give wrong ages for speakers 09, 10, 12 and 13.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mer.corpora.catalogue.acted import EMODB
from mer.corpora.corpus import Problem, Utterance
from mer.corpora.reading.files import clips, decode, in_path_order, relative, unreadable_reason, walk, with_label

EMOTIONS = EMODB.emotions
SPEAKERS = {  # gender and age in years
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
NAME = re.compile(r"(?P<speaker>[0-9]{2})(?P<sentence>[ab][0-9]{2})(?P<emotion>[A-Z])[a-z]")
PERCEPTION_LINE = re.compile(rf"(?P<stem>{NAME.pattern})(?:\.wav)?[\s,;]+(?P<percent>[0-9]{{1,3}}(?:[.,][0-9]+)?)\b.*")
PERCEPTION_TESTS = ("erkennung.txt", "perception_test.csv")
"""The files of the listening test: the percentage of 20 listeners who recognised the emotion."""


@in_path_order
def parse(raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Read the file names and, if present, the recognition rates of the listening test."""
    rates: dict[str, float] = {}
    for path in walk(folder):
        if path.name in PERCEPTION_TESTS:
            if reason := unreadable_reason(path):
                yield Problem(relative(path, raw), reason)
            else:
                rates = recognition_rates(path.read_bytes()) | rates
    read = partial(_utterance, rates=rates)
    for clip in clips(raw, folder):
        yield with_label(clip, read) if isinstance(clip, Problem) else read(*clip[:2])


def recognition_rates(data: bytes) -> dict[str, float]:
    """Return file name -> share of listeners who recognised the emotion, 0 to 1.

    >>> recognition_rates("Satz erkannt natürlich\\n03a01Fa.wav\xa0 90,00 75,00".encode("latin-1"))
    {'03a01Fa': 0.9}
    """
    lines = (PERCEPTION_LINE.fullmatch(line.strip()) for line in decode(data, "latin-1").splitlines())
    shares = {line["stem"]: float(line["percent"].replace(",", ".")) / 100 for line in lines if line}
    return {stem: share for stem, share in shares.items() if share <= 1}


def _utterance(stem: str, path: str, rates: dict[str, float]) -> Utterance | Problem:
    codes = NAME.fullmatch(stem)
    if codes is None:
        return Problem(path, "expected a name such as 03a01Fa")
    if codes["emotion"] not in EMOTIONS:
        return Problem(path, f"unknown label {codes['emotion']}")
    gender, age = SPEAKERS.get(codes["speaker"], (None, None))
    text = SENTENCES.get(codes["sentence"])
    return Utterance(
        name=stem,
        path=path,
        speaker=codes["speaker"],
        emotion_raw=codes["emotion"],
        emotion_vector={codes["emotion"]: rates[stem]} if stem in rates else None,
        gender=gender,
        age=age,
        language="de",
        transcription=text,
        text_source="script" if text else "none",
        sentence_id=codes["sentence"],
    )
