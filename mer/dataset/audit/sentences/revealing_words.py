"""Words and sentences that give the label away: named in the text, or spoken with one emotion only."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import BREACH, WARNING, Finding, examples
from mer.dataset.audit.sentences.shared_sentences import RECURRING, normal
from mer.dataset.manifest.labels import SPELLINGS

NAMED = 0.02
"""share of a corpus's lines that must begin or end with their own label before it is no coincidence"""
FEWEST = 5
PURE = 0.95
"""share of the lines with a word that must bear one emotion for the word to tell it"""
TELLING = 10
"""different lines in which a word must occur"""
CHANCE = 1e-6
"""that any word of a corpus occurs with one emotion by accident"""
SPECIFIC = 0.05
"""share of a corpus's rows"""
SPOKEN_OFTEN = 4
"""rows of one sentence that could have borne different emotions"""


def label_words(spoken: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora whose lines begin or end with the word for their own label (“… Angry”)."""
    for corpus, part in spoken.dropna(subset=["emotion"]).groupby("corpus", sort=True):
        words = part["line"].str.split(" ")
        vocabulary = _vocabulary(part)
        for end, place in ((-1, "end"), (0, "begin")):
            more = words.str.len() > 1
            named = [word in names for word, names in zip(words.str[end], vocabulary, strict=True)]
            own = more & np.array(named)
            count = int(own.sum())
            if count >= FEWEST and count >= NAMED * len(part):
                yield Finding(
                    "label words",
                    BREACH,
                    corpus,
                    count,
                    len(part),
                    examples(part.loc[own, "transcription"]),
                    f"{count:,} of {len(part):,} lines {place} with the word for their own label.",
                    "a text model reads the answer; its score is about the table and not about the speaker.",
                    "cut the label off the transcripts; it is a column of the corpus's list that ran into the text.",
                )
                break


def _vocabulary(part: pd.DataFrame) -> list[frozenset[str]]:
    """The words that name each row's label: the class, the native label, and other spellings of them."""
    spellings: dict[str, set[str]] = {}
    for word, noun in SPELLINGS.items():
        spellings.setdefault(noun, set()).add(word)
    known: dict[tuple, frozenset[str]] = {}
    for pair in part[["emotion", "emotion_raw"]].drop_duplicates().itertuples(index=False):
        names = {normal(name) for name in pair if isinstance(name, str)}
        nouns = names | {SPELLINGS[name] for name in names if name in SPELLINGS}
        words = nouns.union(*(spellings.get(noun, set()) for noun in nouns))
        known[tuple(map(str, pair))] = frozenset(word for word in words if len(word) > 2)
    return [known[str(e), str(r)] for e, r in zip(part["emotion"], part["emotion_raw"], strict=True)]


def telltale_words(spoken: pd.DataFrame) -> Iterator[Finding]:
    """Yield words that occur in many different lines, nearly all of them of one emotion."""
    for corpus, part in spoken.dropna(subset=["emotion"]).groupby("corpus", sort=True):
        lines = part[["line", "emotion", "transcription"]].drop_duplicates(["line", "emotion"])
        base = lines["emotion"].value_counts(normalize=True)
        tokens = lines.assign(word=lines["line"].str.split(" ")).explode("word").drop_duplicates(
            ["word", "line", "emotion"])  # fmt: skip
        counts = tokens.groupby(["word", "emotion"], sort=True).size().rename("count").reset_index()
        counts["all"] = counts.groupby("word")["count"].transform("sum")
        luck = counts["all"] * np.log(counts["emotion"].map(base).to_numpy(dtype=float))
        telling = counts[(counts["count"] >= PURE * counts["all"]) & (counts["all"] >= TELLING)
                         & (luck < np.log(CHANCE / counts["word"].nunique()))]  # fmt: skip
        if telling.empty:
            continue
        hit = tokens.merge(telling[["word", "emotion"]], on=["word", "emotion"])
        worst = telling.sort_values(["count", "word"], ascending=[False, True])
        told = ", ".join(f"{r.word} ({r.emotion}, {r.count} of {r.all} lines)" for r in worst.head(5).itertuples())
        count = hit["line"].nunique()
        yield Finding(
            "telltale words",
            WARNING,
            corpus,
            count,
            lines["line"].nunique(),
            examples(hit["transcription"]),
            f"Words that occur almost only with one emotion: {len(telling)}, as in {told}.",
            "a text model may score by a mark that the transcribers left, and no such mark is there in use.",
            "read the examples; if the words are not the speakers' own, take them out of the transcripts.",
        )


def one_emotion_sentences(rows: pd.DataFrame, spoken: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora of recurring sentences, a good share of which is spoken with one emotion only.

    A corpus that is not made of recurring sentences, and sentences that recur too seldom, are passed over; so is what
    would happen by chance.
    """
    line = pd.Series(None, rows.index, "str")
    line[spoken.index] = spoken["line"]
    known = rows.assign(sentence=rows["sentence_id"].fillna(line)).dropna(subset=["sentence", "emotion"])
    for corpus, part in known.groupby("corpus", sort=True):
        grouped = part.groupby("sentence")["emotion"]
        size, emotions = grouped.transform("size"), grouped.transform("nunique")
        if (size >= RECURRING).mean() < 0.5:
            continue
        often = size >= SPOKEN_OFTEN
        hit = often & (emotions == 1)
        count = int(hit.sum())
        share = part["emotion"].value_counts(normalize=True).to_numpy()
        expected = float(np.power(share[:, None], size[often].to_numpy()[None]).sum())
        if count < FEWEST or count < SPECIFIC * len(part) or count < 2 * expected or part["emotion"].nunique() < 2:
            continue
        text = part.loc[hit, "transcription"].notna().any()
        sentences = part.loc[hit, "sentence"].nunique()
        yield Finding(
            "one emotion per sentence",
            BREACH if text else WARNING,
            corpus,
            count,
            len(part),
            examples(part.loc[hit, "transcription"].fillna(part.loc[hit, "sentence"])),
            f"{sentences} of {part['sentence'].nunique()} sentences, {count:,} of {len(part):,} rows, occur with one "
            f"emotion only; {expected:.0f} rows would by chance.",
            "the sentence gives the emotion away: a text model scores by recognising it, and a speech model may."
            if text
            else "the sentence gives the emotion away; without its text only a speech model may profit.",
            "keep the corpus's text out of the systems, or use only the sentences that every emotion shares.",
        )
