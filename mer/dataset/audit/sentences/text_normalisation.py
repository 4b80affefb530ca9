"""Convert a sentence to words that do not depend on its spelling, so that it can be compared."""

import re
import unicodedata

from mer.dataset.identity.sentences import UNSPACED_CHARACTER, without_invisible

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_VERBS = ("ai", "are", "could", "did", "do", "does", "had", "has", "have", "is", "might", "must", "need", "should",
          "was", "were", "would")  # fmt: skip
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'s": "is"}
_EQUIVALENTS = {
    **{f"{verb}n't": f"{verb} not" for verb in _VERBS},
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "let's": "let us",
    "i'm": "i am", "i've": "i have", "you're": "you are", "you've": "you have", "you'll": "you will", "it's": "it is",
    "they're": "they are", "they've": "they have", "they'll": "they will", "he's": "he is", "she's": "she is",
    "that's": "that is", "what's": "what is", "there's": "there is", "where's": "where is", "who's": "who is",
    "y'know": "you know", "'em": "them", "ya": "you", "u": "you", "ok": "okay", "alright": "all right",
    "gonna": "going to", "wanna": "want to", "gotta": "got to", "kinda": "kind of", "sorta": "sort of",
    "gimme": "give me", "lemme": "let me", "dunno": "do not know", "outta": "out of", "cuz": "because",
    "yeah": "yes", "yep": "yes", "yup": "yes", "nope": "no", "mr": "mister", "mrs": "missis", "dr": "doctor",
}  # fmt: skip
"""Spelling -> the words as which it is compared."""
_EXPANSIONS = {
    spelling: spelled.split() for word, spelled in _EQUIVALENTS.items() for spelling in (word, word.replace("'", ""))
}
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
          "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def words(text: str) -> list[str]:
    """Return the words of a sentence without case, accents and punctuation, with contractions and numbers expanded.

    Only English contractions and numbers are expanded. Possessives are treated like contractions, on both sides of a
    comparison.

    >>> words("Oh – It’s “FINE”,  isn't it?!")
    ['oh', 'it', 'is', 'fine', 'is', 'not', 'it']
    >>> words("dont pay 25 & go to the Café") == words("Do not pay twenty-five and go to the cafe!")
    True
    """
    return [one for word in _WORD.findall(_letters(text)) for one in _EXPANSIONS.get(word) or _expanded(word)]


def bare_words(text: str) -> list[str]:
    """Return the words of a sentence without case, accents, punctuation and apostrophes.

    A misspelt contraction then differs in one word instead of two.

    >>> bare_words("It’s FINE, isnt it?!")
    ['its', 'fine', 'isnt', 'it']
    """
    return _WORD.findall(_letters(text).replace("'", ""))


def _letters(text: str) -> str:
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", without_invisible(plain)).casefold().translate(_APOSTROPHES)
        decomposed = unicodedata.normalize("NFD", plain)
        plain = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
        plain = re.sub(UNSPACED_CHARACTER, r" \g<0> ", plain)
    return plain.replace("&", " and ").replace("`", "'")


def _expanded(word: str) -> list[str]:
    """Return the words of a number or contraction that is in no list."""
    if word.isascii() and word.isdecimal() and len(word) <= 4:
        return _number_words(int(word))
    stem, mark, ending = word.rpartition("'")
    if mark and "'" + ending in _ENDINGS:
        return [*_EXPANSIONS.get(stem, [stem.replace("'", "")]), _ENDINGS["'" + ending]]
    return [word.replace("'", "")]


def _number_words(number: int) -> list[str]:
    """Return the English words of a number below 10,000, without “and”.

    >>> _number_words(0), _number_words(1985)
    (['zero'], ['one', 'thousand', 'nine', 'hundred', 'eighty', 'five'])
    """
    spelled = []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            spelled += [_UNITS[number // size], name]
            number %= size
    if number >= 20:
        spelled.append(_TENS[number // 10])
        number %= 10
    return [*spelled, _UNITS[number]] if number or not spelled else spelled
