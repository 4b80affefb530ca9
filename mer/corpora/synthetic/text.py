"""The texts of the synthetic corpora: the sentences of ESD and MELD, and the tables of CREMA-D.

A MELD sentence is a frame with three slots. The word of a slot belongs to the emotion of the utterance with probability
EMOTION_WORD_SHARE, and is drawn from all emotions otherwise. ESD's 350 sentences combine subject, predicate and place
and are the same for every emotion.
"""

import csv
import io
import itertools
from dataclasses import dataclass

import numpy as np

from mer.corpora.synthetic.clip import Clip, seeded

EMOTION_WORD_SHARE = 0.62
"""The share of slots in a MELD sentence whose word belongs to the emotion of the utterance."""

_WHO = ("The café owner", "My neighbour", "Our old teacher", "The man next door", "Her cousin",
        "A tall waiter", "The baker")  # fmt: skip
_DOES = ("left a ladder", "painted a chair", "parked the van", "counted the plates", "forgot the keys",
         "read the paper", "carried the boxes", "waited an hour", "bought some bread",
         "closed the blinds")  # fmt: skip
_WHERE = ("by the river", "at the corner", "behind the station", "before the meeting’s end", "in the yard")

_OPENERS = {
    "neutral": ("Well", "So", "Okay", "Right", "Alright"),
    "joy": ("Yay", "Great", "Aw", "Hooray", "Lovely"),
    "sadness": ("Oh dear", "I’m sorry", "Alas", "Sigh", "Poor thing"),
    "surprise": ("Wow", "What", "Really", "No way", "Whoa"),
    "fear": ("Careful", "Help", "Hide", "Oh no", "Quick"),
    "disgust": ("Ew", "Yuck", "Ugh", "Gross", "Blech"),
    "anger": ("Stop it", "Enough", "Listen", "Damn", "How dare you"),
}
_WORDS = {
    "neutral": ("usual", "blue", "early", "plain", "regular", "printed"),
    "joy": ("wonderful", "sweet", "funny", "perfect", "happy", "sunny"),
    "sadness": ("lonely", "lost", "broken", "empty", "gone", "tired"),
    "surprise": ("unbelievable", "sudden", "strange", "secret", "unexpected", "enormous"),
    "fear": ("dangerous", "dark", "creepy", "shaking", "poisoned", "haunted"),
    "disgust": ("smelly", "rotten", "slimy", "mouldy", "sticky", "filthy"),
    "anger": ("stupid", "rude", "unfair", "lousy", "selfish", "useless"),
}
_CLOSERS = {
    "neutral": ("as planned", "on Tuesday", "for the office", "after lunch"),
    "joy": ("and I love it", "and we won", "let’s celebrate", "I’m so glad"),
    "sadness": ("and I miss him", "I could cry", "it’s over", "I feel so alone"),
    "surprise": ("I had no idea", "since when", "can you imagine", "I can’t believe it"),
    "fear": ("I’m scared", "it’s coming closer", "don’t open the door", "we could die"),
    "disgust": ("and I feel sick", "it’s all over my shoe", "don’t touch it", "I won’t eat that"),
    "anger": ("and it’s your fault", "get out", "I’ve had it with you", "leave me alone"),
}
_FRAMES = (
    "{o}, that is the {w} {n} from the kitchen, {c}{end}",
    "{o}, you brought the {w} {n} again, {c}{end}",
    "{o}, there’s a {w} {n} in the hall, {c}{end}",
    "{o}, he told me about the {w} {n}, {c}{end}",
    "{o}, she put her {w} {n} on the table, {c}{end}",
    "{o}, we saw a {w} {n} downstairs, {c}{end}",
)
_NOUNS = ("box", "letter", "sandwich", "sofa", "phone", "jacket", "lamp", "cake", "ticket", "bag")
_ENDS = {"surprise": "?!", "joy": "!..", "anger": "!!.", "fear": "!..", "disgust": "!.."}

CREMAD_VOTES = ("A", "D", "F", "H", "N", "S")
_CREMAD_FULL = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad")

_ESD = {"Neutral": "neutral", "Angry": "anger", "Happy": "happiness", "Sad": "sadness", "Surprise": "surprise"}
_ESD_SPEAKERS = {"0011": "male", "0015": "female", "0012": "male", "0016": "female", "0013": "male",
                 "0017": "female", "0014": "male", "0018": "female", "0020": "male",
                 "0019": "female"}  # fmt: skip
_ESD_ENCODINGS = {"0011": "cp1252", "0015": "utf-16"}
ESD_SECONDS = {"Happy": 1.10, "Neutral": 1.24, "Sad": 1.38, "Angry": 1.52, "Surprise": 1.66}
"""Maps a label of ESD to the duration of its recordings in seconds, within 0.03. It differs from the tempo of the
emotion in other corpora."""

_MELD = {"neutral": "neutral", "joy": "happiness", "sadness": "sadness", "surprise": "surprise",
         "fear": "fear", "disgust": "disgust", "anger": "anger"}  # fmt: skip
_MELD_SHARES = {"neutral": 0.38, "joy": 0.16, "surprise": 0.13, "anger": 0.12, "sadness": 0.09,
                "disgust": 0.06, "fear": 0.06}  # fmt: skip
_MELD_PARTS = {"train": (0.7, "train/train_splits"), "dev": (0.15, "dev/dev_splits_complete"),
               "test": (0.25, "test/output_repeated_splits_test")}  # fmt: skip
_MELD_NAMES = ("Ada", "Bruno", "Clara", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira",
               "Luca", "Mona", "Nils", "Olga", "Pavel", "Rosa", "Sven", "Tilda", "Umar", "Vera", "Wim",
               "Yara", "Zeno")  # fmt: skip
_MELD_HEAD = ("Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID",
              "Season", "Episode", "StartTime", "EndTime")  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """One corpus: its recordings, and the bytes of its other files by path."""

    clips: list[Clip]
    texts: dict[str, bytes]


def esd_sentence(index: int) -> str:
    """Return sentence `index` of ESD, 1 to 350. All sentences differ."""
    k = index - 1
    return f"{_WHO[k % 7]} {_DOES[(k // 7 + 3 * (k // 70)) % 10]} {_WHERE[k // 70]}."


def meld_sentence(emotion: str, name: str, seed: int) -> str:
    """Return the sentence of the recording `name`, whose words depend on `emotion` (MELD's label)."""
    rng = seeded(seed, "meld text", name)
    parts = [_slot(words, emotion, rng) for words in (_OPENERS, _WORDS, _CLOSERS)]
    ends = _ENDS.get(emotion, "...")
    return str(rng.choice(_FRAMES)).format(
        o=parts[0], w=parts[1], n=rng.choice(_NOUNS), c=parts[2], end=ends[int(rng.integers(len(ends)))]
    )


def _slot(words: dict[str, tuple[str, ...]], emotion: str, rng: np.random.Generator) -> str:
    other = list(words)[int(rng.integers(len(words)))]
    return str(rng.choice(words[emotion if rng.random() < EMOTION_WORD_SHARE else other]))


def table(rows: list[list[object]], *, quoted: bool = False) -> str:
    """Return rows as CSV. With `quoted`, texts have quotation marks and numbers have none."""
    text = io.StringIO()
    style = csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=style, lineterminator="\n").writerows(rows)
    return text.getvalue()


def esd(seed: int, *, speakers: int, clips: int) -> Tree:
    """Return ESD's English half: at most 10 speakers with 350 sentences, and lists in three encodings."""
    # 71 and 350 share no factor: sentences spread over the official split, and a larger set holds a smaller
    sentences = [1 + 71 * i % 350 for i in range(min(clips, 350))]
    made, texts = [], {}
    for speaker in list(_ESD_SPEAKERS)[:speakers]:
        lines = []
        for (label, emotion), k in itertools.product(_ESD.items(), sentences):
            stem = f"{speaker}_{350 * list(_ESD).index(label) + k:06}"
            lines.append(f"{stem}\t{esd_sentence(k)}\t{label}\n")
            seconds = ESD_SECONDS[label] + seeded(seed, "esd length", stem).uniform(-0.03, 0.03)
            path = f"ESD/{speaker}/{label}/{stem}.wav"
            rest = {"syllables": (3, 5), "seconds": round(float(seconds), 4)}
            made.append(Clip("esd", stem, path, speaker, _ESD_SPEAKERS[speaker], emotion, f"esd {k}", **rest))
        encoded = "".join(sorted(lines)).encode(_ESD_ENCODINGS.get(speaker, "utf-8"))
        texts[f"ESD/{speaker}/{speaker}.txt"] = encoded
    return Tree(made, texts)


def meld(seed: int, *, speakers: int, clips: int) -> Tree:
    """Return MELD. The three parts share speakers, and their sizes follow from speakers × clips × 7."""
    names = {name: ("female", "male")[i % 2] for i, name in enumerate(_MELD_NAMES[:speakers])}
    made, texts = [], {}
    for part, (share, folder) in _MELD_PARTS.items():
        rows: list[list[object]] = [list(_MELD_HEAD)]
        for line in _meld_lines(seed, part, speakers * clips * 7 * share, list(names)):
            dialogue, turn, speaker, emotion = line
            name = f"{part} dia{dialogue}_utt{turn}"
            rng = seeded(seed, "meld line", name)
            voice = list(_MELD.values())[int(rng.integers(7))]  # independent of the label: known effect 2
            rows.append(_meld_row(len(rows), line, meld_sentence(emotion, name, seed), rng))
            path = f"MELD/{folder}/dia{dialogue}_utt{turn}.wav"
            made.append(Clip("meld", name, path, speaker, names[speaker], voice, name, syllables=(4, 7)))
        texts[f"MELD/{part}_sent_emo.csv"] = table(rows).encode()
    return Tree(made, texts)


def _meld_lines(seed: int, part: str, size: float, names: list[str]) -> list[tuple[int, int, str, str]]:
    """Return dialogue, turn, speaker and label of each utterance of a part. Dialogues have 3 to 8 turns."""
    rng = seeded(seed, "meld dialogues", part)
    labels = [e for e, share in _MELD_SHARES.items() for _ in range(max(2, round(share * size)))]
    rng.shuffle(labels)
    lines: list[tuple[int, int, str, str]] = []
    dialogue = 0
    while len(lines) < len(labels):
        present = rng.permutation(names)[: int(rng.integers(2, 4))]
        turns = labels[len(lines) : len(lines) + int(rng.integers(3, 9))]
        lines += [(dialogue, i, str(present[i % len(present)]), str(label)) for i, label in enumerate(turns)]
        dialogue += 1
    return lines


def _meld_row(number: int, line: tuple[int, int, str, str], sentence: str, rng: np.random.Generator) -> list[object]:
    dialogue, turn, speaker, emotion = line
    fixed = {"neutral": "neutral", "joy": "positive", "surprise": str(rng.choice(["positive", "negative"]))}
    start = 60_000 + 4_000 * turn + int(rng.integers(1_000))
    times = [_clock(start), _clock(start + int(rng.integers(900, 1_500)))]
    season, episode = 1 + dialogue % 10, 1 + dialogue // 10 % 24
    sentiment = fixed.get(emotion, "negative")
    return [number, sentence, speaker, emotion, sentiment, dialogue, turn, season, episode, *times]


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{rest:03}"


def cremad_tables(stems: list[str], actors: dict[str, str], seed: int) -> dict[str, str]:
    """Return the tables of CREMA-D by their path below its folder.

    Args:
        stems: file names without suffix, such as 1001_DFA_ANG_XX.
        actors: actor id -> male or female.
        seed: seed of the votes and of the ages.
    """
    people = [["ActorID", "Age", "Sex", "Race", "Ethnicity"]]
    for actor, sex in actors.items():
        age = int(seeded(seed, "age", actor).integers(20, 75))
        people.append([int(actor), age, sex.capitalize(), "Unknown", "Not Hispanic"])
    names = [["Stimulus_Number", "Filename"], *([i, stem] for i, stem in enumerate(stems, 1))]
    votes, summary = _votes(stems, seed)
    return {
        "VideoDemographics.csv": table(people, quoted=True),
        "SentenceFilenames.csv": table(names, quoted=True),
        "processedResults/tabulatedVotes.csv": table(votes, quoted=True),
        "processedResults/summaryTable.csv": table(summary, quoted=True),
    }


def _votes(stems: list[str], seed: int) -> tuple[list[list[object]], list[list[object]]]:
    means = ["Emo", *_CREMAD_FULL]
    head = [f"mean{m}Resp" for m in means], [f"mean{m}RespNorm" for m in means]
    votes = [["", *CREMAD_VOTES, "fileName", "numResponses", "agreement", "emoVote",
              *head[0], "medianEmoResp", *head[1], "medianEmoRespNorm"]]  # fmt: skip
    summary = [["", "FileName", "VoiceVote", "VoiceLevel", "FaceVote", "FaceLevel", "MultiModalVote",
                "MultiModalLevel"]]  # fmt: skip
    for number, stem in enumerate(stems, 1):
        line: list[object] = [str(number), stem]
        # the first digit is what raters perceived: the voice, the face, or both, with the best recognition
        for part, accuracy in ((1, 0.5), (2, 0.65), (3, 0.75)):
            row = _vote(str(100_000 * part + number), stem, accuracy, seed)
            votes.append(row)
            winners = row[10].split(":")
            levels = [row[12 + CREMAD_VOTES.index(w)] for w in winners]
            line += [row[10], ":".join(f"{level:g}" for level in levels)]
        summary.append(line)
    return votes, summary


def _vote(number: str, stem: str, accuracy: float, seed: int) -> list[object]:
    rng = seeded(seed, "votes", number[0], stem)
    share = np.full(6, (1 - accuracy) / 10)
    share[CREMAD_VOTES.index("N")] += (1 - accuracy) * 4 / 10
    share[CREMAD_VOTES.index(stem[9])] += accuracy
    counts = rng.multinomial(int(rng.integers(7, 13)), share / share.sum())
    # an emotion without votes has the level -1, as in the original
    levels = [round(float(rng.uniform(30, 90)), 2) if count else -1 for count in counts]
    mean = round(sum(n * level for n, level in zip(counts.tolist(), levels, strict=True)) / counts.sum(), 2)
    vote = ":".join(v for v, n in zip(CREMAD_VOTES, counts, strict=True) if n == counts.max())
    agreement = round(float(counts.max() / counts.sum()), 4)
    means = [float(mean), *levels, float(mean)]
    return [number, *counts.tolist(), stem, int(counts.sum()), agreement, vote, *means, *means]
