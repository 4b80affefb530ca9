"""Words and sentences that reveal the class: label names in the text, and words or sentences of one emotion only."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.corpora.reading.columns import SPELLINGS
from mer.dataset.audit.findings import BREACH, WARNING, Finding, examples
from mer.dataset.audit.sentences.shared_sentences import MIN_REPETITIONS
from mer.dataset.identity.sentences import normalised

MIN_NAMED_SHARE = 0.02
"""The share of a corpus's transcripts that must begin or end with their own label to be reported."""
MIN_CASES = 5
"""The smallest number of rows that is reported."""
MIN_PURITY = 0.95
"""The share of sentences with a word that must have one emotion for the word to reveal it."""
MIN_COUNT = 10
"""The number of different sentences in which a revealing word must occur."""
MAX_CHANCE = 1e-6
"""The largest probability that some word of a corpus occurs with one emotion by chance."""
MIN_ROW_SHARE = 0.05
"""The share of a corpus's rows that sentences of one emotion must have to be reported."""
MIN_SENTENCE_COUNT = 4
"""The number of rows of a sentence from which it could have had several emotions."""


def label_words(transcripts: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora whose transcripts begin or end with the word for their own label (“… Angry”)."""
    for corpus, rows in transcripts.dropna(subset=["emotion"]).groupby("corpus", sort=True):
        words = rows["sentence"].str.split(" ")
        label_names = _label_names(rows)
        for position, verb in ((-1, "end"), (0, "begin")):
            named = [word in names for word, names in zip(words.str[position], label_names, strict=True)]
            affected = (words.str.len() > 1) & np.array(named)
            count = int(affected.sum())
            if count >= MIN_CASES and count >= MIN_NAMED_SHARE * len(rows):
                yield Finding(
                    "label words",
                    BREACH,
                    corpus,
                    count,
                    len(rows),
                    examples(rows.loc[affected, "transcription"]),
                    f"{count:,} of {len(rows):,} transcripts {verb} with the word for their own label.",
                    "text models read the label, so their score measures the table and not emotion recognition.",
                    "remove the label from the transcripts; it is a column of the corpus's list that was appended.",
                )
                break


def _label_names(rows: pd.DataFrame) -> list[frozenset[str]]:
    """Return the words that name each row's label: the class, the native label, and their other spellings."""
    spellings: dict[str, set[str]] = {}
    for word, name in SPELLINGS.items():
        spellings.setdefault(name, set()).add(word)
    by_label: dict[tuple, frozenset[str]] = {}
    for labels in rows[["emotion", "emotion_raw"]].drop_duplicates().itertuples(index=False):
        names = {normalised(label) for label in labels if isinstance(label, str)}
        standard = names | {SPELLINGS[name] for name in names if name in SPELLINGS}
        words = standard.union(*(spellings.get(name, set()) for name in standard))
        by_label[tuple(map(str, labels))] = frozenset(word for word in words if len(word) > 2)
    return [by_label[str(e), str(r)] for e, r in zip(rows["emotion"], rows["emotion_raw"], strict=True)]


def revealing_words(transcripts: pd.DataFrame) -> Iterator[Finding]:
    """Yield words that occur in many different sentences, nearly all of them of one emotion."""
    for corpus, rows in transcripts.dropna(subset=["emotion"]).groupby("corpus", sort=True):
        sentences = rows[["sentence", "emotion", "transcription"]].drop_duplicates(["sentence", "emotion"])
        tokens = sentences.assign(word=sentences["sentence"].str.split(" ")).explode("word").drop_duplicates(
            ["word", "sentence", "emotion"])  # fmt: skip
        revealing = _revealing(tokens, sentences["emotion"].value_counts(normalize=True))
        if revealing.empty:
            continue
        affected = tokens.merge(revealing[["word", "emotion"]], on=["word", "emotion"])
        first = revealing.sort_values(["count", "word"], ascending=[False, True]).head(5)
        shown = ", ".join(f"{r.word} ({r.emotion}, {r.count} of {r.all} sentences)" for r in first.itertuples())
        yield Finding(
            "revealing words",
            WARNING,
            corpus,
            affected["sentence"].nunique(),
            sentences["sentence"].nunique(),
            examples(affected["transcription"]),
            f"{len(revealing)} word{' occurs' if len(revealing) == 1 else 's occur'} almost only with one emotion, for "
            f"example {shown}.",
            "text models may use a mark that the transcribers added and that does not exist in practice.",
            "read the examples; if speakers did not say the words, remove them from the transcripts.",
        )


def _revealing(tokens: pd.DataFrame, shares: pd.Series) -> pd.DataFrame:
    """Return the words of nearly one emotion, with columns word, emotion, count and all (numbers of sentences).

    Args:
        tokens: columns word, sentence, emotion, each combination once.
        shares: emotion -> its share of the sentences.
    """
    counts = tokens.groupby(["word", "emotion"], sort=True).size().rename("count").reset_index()
    counts["all"] = counts.groupby("word")["count"].transform("sum")
    log_chance = counts["all"] * np.log(counts["emotion"].map(shares).to_numpy(dtype=float))
    return counts[(counts["count"] >= MIN_PURITY * counts["all"]) & (counts["all"] >= MIN_COUNT)
                  & (log_chance < np.log(MAX_CHANCE / counts["word"].nunique()))]  # fmt: skip


def one_emotion_sentences(rows: pd.DataFrame, transcripts: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora of repeated sentences, many of which occur with one emotion only.

    Corpora without repeated sentences, sentences with few rows, and shares that chance explains are not reported.
    """
    text = pd.Series(None, rows.index, "str")
    text[transcripts.index] = transcripts["sentence"]
    labelled = rows.assign(sentence=rows["sentence_id"].fillna(text)).dropna(subset=["sentence", "emotion"])
    for corpus, members in labelled.groupby("corpus", sort=True):
        by_sentence = members.groupby("sentence")["emotion"]
        size, emotions = by_sentence.transform("size"), by_sentence.transform("nunique")
        if (size >= MIN_REPETITIONS).mean() < 0.5 or members["emotion"].nunique() < 2:
            continue
        frequent = size >= MIN_SENTENCE_COUNT
        affected = frequent & (emotions == 1)
        share = members["emotion"].value_counts(normalize=True).to_numpy()
        expected = float(np.power(share[:, None], size[frequent].to_numpy()[None]).sum())
        if affected.sum() >= max(MIN_CASES, MIN_ROW_SHARE * len(members), 2 * expected):
            yield _one_emotion_finding(corpus, members, affected, expected)


def _one_emotion_finding(corpus: str, rows: pd.DataFrame, affected: pd.Series, expected: float) -> Finding:
    shown = rows[affected]
    has_text = shown["transcription"].notna().any()
    return Finding(
        "one emotion per sentence",
        BREACH if has_text else WARNING,
        corpus,
        len(shown),
        len(rows),
        examples(shown["transcription"].fillna(shown["sentence"])),
        f"{shown['sentence'].nunique()} of {rows['sentence'].nunique()} sentences, {len(shown):,} of {len(rows):,} "
        f"rows, occur with one emotion only; by chance, {expected:.0f} rows would.",
        "the sentence reveals the emotion: text models can recognise it, and speech models may."
        if has_text
        else "the sentence reveals the emotion; without its text only speech models may use it.",
        "exclude the corpus's text from the systems, or use only sentences that occur with every emotion.",
    )
