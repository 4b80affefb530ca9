"""Leaks through text: sentences that occur in two parts or in two families."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mer.dataset.audit.columns import join_corpora
from mer.dataset.audit.findings import BREACH, NOTE, WARNING, Finding, examples
from mer.dataset.audit.sentences import languages, similar_sentences, text_normalisation
from mer.dataset.identity.sentences import MIN_SHARED, MIN_SHARED_SHARE, MIN_WORDS, normalised, word_counts

MIN_PHRASES, MIN_PHRASE_SHARE = 20, 0.2
"""The number of different shared phrases of everyday words, and their share of the long test sentences, from which they
count. Fewer of them occur in independent corpora as well."""
MIN_SHORT_WORDS, MIN_SHORT_SHARE = 3, 0.6
"""The number of words from which a short sentence counts, and the share of different ones that only a copy shares. Two
corpora of one television series share a third."""
EVERYDAY_SENTENCES, EVERYDAY_SHARE = 10, 0.005
"""The number of different sentences, and their share of all, from which a word counts as everyday."""
MIN_REPETITIONS = 3
"""The number of rows with the same sentence from which it counts as a given text that speakers read."""
VALIDATION_LEAK = "selection on the validation part uses sentences of the training data."
SELECTION_LEAK = "selection on the validation part uses sentences of the test part."

_SimilarPairs = tuple[np.ndarray, np.ndarray]
"""The numbers of sentences that are nearly the same, as from `similar_sentences.pairs`."""


def transcripts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with text, with the columns `sentence` (as from `normalised`) and `control`.

    `control` is the corpus's `lexical_control`. If the table does not state it, a corpus in which most rows have a
    repeated sentence is read speech (parallel), any other corpus is free speech (free).
    """
    with_text = rows[rows["transcription"].notna()]
    table = {text: normalised(text) for text in with_text["transcription"].unique()}
    with_text = with_text.assign(sentence=with_text["transcription"].map(table).astype("str"))
    with_text = with_text[with_text["sentence"] != ""]
    repeated = with_text.groupby(["corpus", "sentence"])["sentence"].transform("size") >= MIN_REPETITIONS
    read = repeated.groupby(with_text["corpus"]).transform("mean") >= 0.5
    inferred = read.map({True: "parallel", False: "free"}).astype("str")
    return with_text.assign(control=with_text["lexical_control"].fillna(inferred))


def shared_sentences(transcripts: pd.DataFrame) -> Iterator[Finding]:
    """Yield long test sentences that occur in a training part or in another family, exactly or nearly.

    Nearly the same are sentences that differ in one of five words: misspelt, added or left out (`similar_sentences`).

    Args:
        transcripts: rows as from `transcripts`.
    """
    distinctive = _distinctive(transcripts["sentence"].unique())
    words = word_counts(transcripts["sentence"])
    sentences = transcripts[words >= MIN_WORDS - 1]  # a sentence of five words may occur elsewhere with four of them
    sentences = sentences[~sentences.duplicated(["corpus", "utterance_id"]) | sentences["utterance_id"].isna()]
    number, different = pd.factorize(sentences["sentence"])
    sentences = sentences.assign(
        number=number,
        distinctive=sentences["sentence"].isin(distinctive),
        long=words[sentences.index] >= MIN_WORDS,
    )
    similar = similar_sentences.pairs(different.tolist())
    corpora = dict(list(sentences.groupby("corpus", sort=True)))
    for source, target in itertools.product(corpora, repeat=2):
        yield from _between(corpora[source], corpora[target], similar)
    yield from _short_sentences(transcripts[transcripts["sentence"].isin(distinctive)])


def _between(source: pd.DataFrame, target: pd.DataFrame, similar: _SimilarPairs) -> Iterator[Finding]:
    """Yield what the long sentences of a target corpus share with a source corpus, which may be the same."""
    long = target[target["long"]]
    tested, validating = long[long["split"] == "test"], long[long["split"] == "validation"]
    trained = source[source["split"] == "train"]
    same_family = source["family"].iloc[0] == target["family"].iloc[0]
    yield from _shared(tested, trained, similar, _Place("parts", "the training part of "))
    if source["corpus"].iloc[0] == target["corpus"].iloc[0]:
        place = _Place("parts", "the validation part of ")
        for finding in _shared(tested, source[source["split"] == "validation"], similar, place):
            if finding.severity == BREACH:
                yield replace(finding, meaning=SELECTION_LEAK)
    elif same_family:
        for finding in _shared(validating, trained, similar, _Place("parts", "the training part of ", "validation")):
            if finding.severity == BREACH:
                yield replace(finding, severity=WARNING, meaning=VALIDATION_LEAK)
    if not same_family:
        yield from _shared(tested if len(tested) else long, source, similar, _Place("families", ""))


def _short_sentences(transcripts: pd.DataFrame) -> Iterator[Finding]:
    """Yield corpora whose short sentences mostly occur in another family, exactly.

    Args:
        transcripts: rows with sentences that contain a word that is not everyday.
    """
    words = 1 + transcripts["sentence"].str.count(" ")
    short = transcripts[(words >= MIN_SHORT_WORDS) & (words < MIN_WORDS)]
    corpora = dict(list(short.groupby("corpus", sort=True)))
    for source, target in itertools.permutations(corpora, 2):
        source_rows, target_rows = corpora[source], corpora[target]
        different = target_rows.drop_duplicates("sentence")
        shared = different["sentence"].isin(source_rows["sentence"])
        count, total = int(shared.sum()), len(different)
        same_family = source_rows["family"].iloc[0] == target_rows["family"].iloc[0]
        if same_family or count < MIN_PHRASES or count < MIN_SHORT_SHARE * total:
            continue
        controls = {source_rows["control"].iloc[0], target_rows["control"].iloc[0]}
        severity, meaning, advice = _verdict(controls, same_corpus=False, chance=False)
        sentence = (
            f"{count:,} of the {total:,} different sentences of {MIN_SHORT_WORDS} to {MIN_WORDS - 1} words in {target} "
            f"occur exactly in {source} ({count / total:.1%}); independent corpora share fewer."
        )
        yield Finding("short sentences across families", severity, join_corpora(pd.Series([source, target])), count,
                      total, examples(different.loc[shared, "transcription"]), sentence, meaning, advice)  # fmt: skip


def _distinctive(sentences: Iterable[str]) -> set[str]:
    """Return the sentences with a word that is not everyday; all others are phrases that independent corpora share."""
    words = {sentence: frozenset(text_normalisation.words(sentence)) for sentence in sentences}
    counts = Counter(itertools.chain.from_iterable(words.values()))
    limit = max(EVERYDAY_SENTENCES, EVERYDAY_SHARE * len(words))
    everyday = languages.EVERYDAY | {word for word, count in counts.items() if count >= limit}
    return {sentence for sentence, tokens in words.items() if not tokens <= everyday}


@dataclass(frozen=True)
class _Place:
    """The wording of a finding: across what, in which part of the source, and of which part of the target."""

    across: str
    source: str
    target: str = "test"


def _shared(tested: pd.DataFrame, source: pd.DataFrame, similar: _SimilarPairs, place: _Place) -> Iterator[Finding]:
    """Yield the finding about tested sentences that occur in the source, if there are any."""
    if tested.empty or source.empty:
        return
    exact, near = _occurrences(tested["number"], source["number"], similar)
    shared = exact | near
    if not shared.any():
        return
    count, total, different = int(shared.sum()), len(tested), tested.loc[shared, "number"].nunique()
    many = different >= MIN_PHRASES and count >= MIN_PHRASE_SHARE * total
    counted = count if many else int((shared & tested["distinctive"]).sum())
    chance = counted < MIN_SHARED or counted < MIN_SHARED_SHARE * total
    names = source["corpus"].iloc[0], tested["corpus"].iloc[0]
    controls = {source["control"].iloc[0], tested["control"].iloc[0]}
    severity, meaning, advice = _verdict(controls, same_corpus=names[0] == names[1], chance=chance)
    sentence = (
        f"{count:,} of the {total:,} long {place.target} sentences of {names[1]} ({MIN_WORDS} words or more) occur in "
        f"{place.source}{names[0]} ({count / total:.1%}; {different:,} different ones), {int(exact.sum()):,} of them "
        f"exactly{'' if exact.sum() == count else ' and the others with a word or two changed'}."
    )
    shown = tested[shared].sort_values("distinctive", ascending=False, kind="stable")["transcription"]
    yield Finding(f"sentences across {place.across}", severity, join_corpora(pd.Series(names)), count, total,
                  examples(shown), sentence, meaning, advice)  # fmt: skip


def _occurrences(tested: pd.Series, source: pd.Series, similar: _SimilarPairs) -> tuple[pd.Series, pd.Series]:
    """Return which tested sentences occur in the source exactly, and which nearly; masks, by sentence number."""
    first, second = similar
    size = 1 + max(tested.max(), source.max(), *(numbers.max(initial=0) for numbers in similar))
    in_source, near_source = np.zeros(size, bool), np.zeros(size, bool)
    in_source[source] = True
    near_source[first[in_source[second]]] = near_source[second[in_source[first]]] = True
    return in_source[tested], near_source[tested]


def _verdict(controls: set[str], *, same_corpus: bool, chance: bool) -> tuple[str, str, str]:
    """Return severity, meaning and advice.

    Args:
        controls: the lexical control of both corpora.
        same_corpus: whether the sentences are shared within one corpus.
        chance: whether chance explains the number of shared sentences.
    """
    if controls == {"parallel"}:
        return (
            NOTE,
            "speakers read given sentences with every emotion, so the text does not help a text model.",
            "nothing, as long as every emotion is spoken with the same sentences.",
        )
    if same_corpus and "free" not in controls:
        return (
            NOTE,
            "speakers read given sentences, some of them with one emotion: text models may know them from training.",
            "do not score systems with the text of this corpus, or only on sentences that occur with all emotions.",
        )
    if chance:
        return NOTE, "chance explains this number, because people use the same sentences.", "nothing."
    return (
        BREACH,
        "text models are tested on sentences of their training data, mostly with the same labels; systems without "
        "text are not affected.",
        "split by sentence or script, or remove the shared sentences from the training part."
        if same_corpus
        else "give both corpora one family, and do not train on one if the other is tested.",
    )
