"""The words and tables of the made-up corpora: ESD and MELD sentences, CREMA-D's demographics and votes.

Every sentence is ours. A MELD sentence is a frame with three slots; each slot leans to the line's emotion
with probability LEAN and otherwise takes its word from anywhere, so that words tell an emotion often but by
no means always. ESD's 350 sentences are the product of who, does what and where: the same for every emotion.
"""

import csv
import io

import numpy as np

from mer.corpora.synthetic_voice import seeded

LEAN = 0.72
"""share of a MELD line's slots whose word is chosen for its emotion"""

_WHO = ("The baker", "My neighbour", "Our old teacher", "The man next door", "Her cousin", "A tall waiter",
        "The café owner")  # fmt: skip
_DOES = ("left a ladder", "painted a chair", "parked the van", "counted the plates", "forgot the keys",
         "read the paper", "carried the boxes", "waited an hour", "bought some bread", "closed the blinds")  # fmt: skip
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


def esd_sentence(index: int) -> str:
    """Return ESD's sentence `index`, 1..350; every number has its own."""
    k = index - 1
    return f"{_WHO[k % 7]} {_DOES[k // 7 % 10]} {_WHERE[k // 70]}."


def meld_sentence(emotion: str, name: str, seed: int) -> str:
    """Return the line of the clip `name`, which leans to `emotion` (MELD's own label)."""
    rng = seeded(seed, "meld text", name)
    parts = [_slot(table, emotion, rng) for table in (_OPENERS, _WORDS, _CLOSERS)]
    ends = _ENDS.get(emotion, "...")
    return str(rng.choice(_FRAMES)).format(
        o=parts[0], w=parts[1], n=rng.choice(_NOUNS), c=parts[2], end=ends[int(rng.integers(len(ends)))]
    )


def _slot(table: dict[str, tuple[str, ...]], emotion: str, rng: np.random.Generator) -> str:
    other = list(table)[int(rng.integers(len(table)))]
    return str(rng.choice(table[emotion if rng.random() < LEAN else other]))


def table(rows: list[list[object]], *, quoted: bool = False) -> str:
    """Return rows as CSV; with `quoted`, every word in quotes and every number bare."""
    text = io.StringIO()
    style = csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=style, lineterminator="\n").writerows(rows)
    return text.getvalue()


def cremad_tables(stems: list[str], actors: dict[str, str], seed: int) -> dict[str, str]:
    """Return CREMA-D's own tables by their path below its folder.

    Args:
        stems: file names without suffix, such as 1001_DFA_ANG_XX.
        actors: actor id -> male or female.
        seed: of the votes and of the actors' ages.
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
        # the first digit says what raters met: the voice, the face, or both, which they recognise best
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
    marks = [float(mean), *levels, float(mean)]
    return [number, *counts.tolist(), stem, int(counts.sum()), agreement, vote, *marks, *marks]
