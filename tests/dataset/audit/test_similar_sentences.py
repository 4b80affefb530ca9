"""Retyped sentences are found; other sentences and everyday phrases are no breach."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.dataset.audit import checks
from mer.dataset.audit.sentences import similar_sentences, text_normalisation
from tests.dataset.audit.manifests import WORDS, clean, part

SAID = [
    "I don't know why she's telling everybody about the wedding",
    "You must've had your hands full with 30 people under you",
    "It's the transition from one system to the other that I did",
    "Let's talk a little bit about your duties, okay?",
    "They're going to close the museum at ten o'clock tomorrow",
    "The café around the corner isn't open, Doctor Green",
    "What have you done with my grandmother's chicken salad",
    "Nobody told the children that we can't afford a bigger house",
]
REWRITTEN = {
    "misspelt": lambda words: [*words[:3], words[3] + "x", *words[4:]],
    "swapped letters": lambda words: [max(words, key=len)[::-1][-2:][::-1] + w[2:] if w == max(words, key=len)
                                      else w for w in words],
    "one more": lambda words: [*words, "yes"],
    "one more in front": lambda words: ["well", *words],
    "one left out": lambda words: words[:4] + words[5:],
    "rotated": lambda words: words[2:] + words[:2],
    "accents": lambda words: [w.replace("e", "é") for w in words],
    "no apostrophes": lambda words: [w.replace("'", "") for w in words],
    "other apostrophes": lambda words: [w.replace("'", "’") for w in words],
    "shouted": lambda words: [w.upper() + "!!" for w in words],
    "soft hyphens": lambda words: [w[:2] + "\u00ad" + w[2:] for w in words],
    "spelled out": lambda words: " ".join(words).replace("'s ", " is ").replace("'re", " are").replace("n't", " not")
    .replace("30", "thirty").replace("'ve", " have").split(),
}  # fmt: skip


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN)
def test_a_rewritten_sentence_matches_its_original_only(rewrite):
    lines = [*SAID, *(" ".join(rewrite(line.split())) for line in SAID)]
    first, second = similar_sentences.pairs(lines)
    assert list(zip(first, second, strict=True)) == [(n, n + len(SAID)) for n in range(len(SAID))]


def test_different_sentences_do_not_match():
    lines = ["I do not know what to say", "I do not know whom to call", "do you know the way to San José", "", "!",
             "she told me to close the door", "she told us to open the windows",
             "this is the sentence with number a12", "this is the sentence with number a13"]  # fmt: skip
    assert [len(side) for side in similar_sentences.pairs(lines)] == [0, 0]
    assert [len(side) for side in similar_sentences.pairs([])] == [0, 0]


SPOKEN = st.lists(st.sampled_from(WORDS[:60]), min_size=4, max_size=14)


@settings(max_examples=60, deadline=None)
@given(st.lists(SPOKEN, min_size=2, max_size=25, unique_by=tuple), st.randoms(use_true_random=False))
def test_the_search_equals_an_exhaustive_comparison(said, chance):
    for words in said[:8]:
        other = list(words)
        other[chance.randrange(len(other))] = chance.choice(WORDS)
        said.append(other[chance.randrange(2) :])
    said = list(dict.fromkeys(map(tuple, said)))
    bags = similar_sentences._bags([list(words) for words in said])
    one, other = np.triu_indices(len(said), 1)
    near = similar_sentences._near(bags, one, other)
    first, second = similar_sentences.pairs([" ".join(words) for words in said])
    assert set(zip(first, second, strict=True)) == set(zip(one[near], other[near], strict=True))


def test_one_edit_in_five_words_and_two_in_ten_are_allowed():
    five, ten = WORDS[:5], WORDS[20:30]

    def near(words, changed):
        return len(similar_sentences.pairs([" ".join(words), " ".join(changed)])[0]) == 1

    assert near(five, five[1:])
    assert not near(five, five[2:])
    assert not near(five, ["quite", "other", *five[2:]])
    assert near(ten, ["zzz", *ten[1:]])
    assert not near(ten, ["zzz", "yyy", *ten[2:]])


def retold(line):
    """Return every sentence with one misspelt word."""
    words = line.split()
    words[1] += "q"
    return " ".join(words)


def test_misspelt_sentences_of_another_family_are_a_breach():
    manifest = clean(speakers=8)
    east, west = part(manifest, "east", "train"), part(manifest, "west", "test")
    lines = [f"one two three {line}" for line in manifest.loc[east[: len(west)], "transcription"]]
    manifest.loc[east[: len(west)], "transcription"] = lines
    manifest.loc[west, "transcription"] = list(map(retold, lines))
    findings = [f for f in checks.find_leaks(manifest, set()) if f.severity == "breach"]
    assert {(f.kind, f.corpora) for f in findings} == {
        ("sentences across parts", "east + west"), ("sentences across families", "east + west")
    }  # fmt: skip
    assert (findings[0].count, findings[0].total) == (len(west), len(west))
    assert "0 of them exactly and the others with a word or two changed" in findings[0].sentence


PHRASES = [
    "I don't know what to do", "What are you doing here?", "Oh my God, I can't believe it", "What do you want me to do",
    "I have to go to work now", "What are you talking about?", "I'm going to go get it", "How could you do this to me?",
]  # fmt: skip


def test_everyday_phrases_are_no_breach():
    manifest = clean()
    for corpus, name in (("east", "train"), ("west", "test")):
        rows = part(manifest, corpus, name)[: len(PHRASES) // 2]
        manifest.loc[rows, "transcription"] = PHRASES[: len(rows)]
    findings = [f for f in checks.find_leaks(manifest, set()) if f.kind.startswith("sentences")]
    assert {f.severity for f in findings} == {"note"}
    assert {f.count for f in findings} == {len(PHRASES) // 2}


def test_sentences_without_spaces_are_compared_by_characters():
    chance = random.Random(0)  # noqa: S311
    signs = [chr(0x4E00 + n) for n in range(900)]
    manifest = clean(speakers=8)
    manifest["transcription"] = ["".join(chance.sample(signs, 9)) for _ in range(len(manifest))]
    east, west = part(manifest, "east", "train"), part(manifest, "west", "test")
    manifest.loc[west, "transcription"] = [line[1:] for line in manifest.loc[east[: len(west)], "transcription"]]
    findings = {f.kind: f for f in checks.find_leaks(manifest, set())}
    assert findings["sentences across families"].severity == "breach"
    assert text_normalisation.words("我不知道 why") == [*"我不知道", "why"]


def test_forty_thousand_sentences_are_compared():
    chance = np.random.default_rng(0)
    often = 1 / np.arange(1, 8_001)
    words = np.array([f"w{n}" for n in range(8_000)])[chance.choice(8_000, (20_000, 9), p=often / often.sum())]
    lines = [" ".join(line) for line in words]
    first, second = similar_sentences.pairs([*lines, *(" ".join(line[1:]) for line in words)])
    assert np.isin(np.arange(20_000), first[second == first + 20_000]).all()


@pytest.mark.parametrize(("copied", "breach"), [(1.0, True), (0.7, True), (0.4, False)])
def test_short_sentences_are_a_breach_if_most_are_shared(copied, breach):
    """A single short sentence is shared by chance; a whole corpus of them is a copy."""
    manifest = clean(speakers=8)
    chance = random.Random(2)  # noqa: S311
    lines = [" ".join([f"name{number}", *chance.choices(WORDS, k=3)]) for number in range(2 * len(manifest))]
    east, west = (manifest.index[manifest["corpus"] == corpus] for corpus in ("east", "west"))
    manifest.loc[east, "transcription"] = lines[: len(east)]
    few = int(copied * len(west))
    manifest.loc[west, "transcription"] = [*lines[:few], *lines[-(len(west) - few) or len(lines) :]][: len(west)]
    findings = [f for f in checks.find_leaks(manifest, set()) if f.kind == "short sentences across families"]
    assert {(f.severity, f.corpora) for f in findings} == ({("breach", "east + west")} if breach else set())
