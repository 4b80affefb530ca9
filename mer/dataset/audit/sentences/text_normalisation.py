"""A line as the words by which it is compared with others, however it was written down."""

import re
import unicodedata

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
SIGN = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
"""what is a word by itself here, as nothing parts words: Chinese and Japanese characters"""
_VERBS = ("ai", "are", "could", "did", "do", "does", "had", "has", "have", "is", "might", "must", "need", "should",
          "was", "were", "would")  # fmt: skip
_ENDINGS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'s": "is"}
_ALIKE = {
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
"""words that are the same, as they are spelled and as they are compared"""
_SAME = {spelling: said.split() for word, said in _ALIKE.items() for spelling in (word, word.replace("'", ""))}
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
          "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def words(text: str) -> list[str]:
    """Return the words of a line without case, accents and punctuation, contractions taken apart, numbers spelled out.

    English contractions and numbers only; possessives look like contractions, on both sides of a comparison.

    >>> words("Oh – It’s “FINE”,  isn't it?!")
    ['oh', 'it', 'is', 'fine', 'is', 'not', 'it']
    >>> words("dont pay 25 & go to the Café") == words("Do not pay twenty-five and go to the cafe!")
    True
    """
    return [one for word in _WORD.findall(_letters(text)) for one in _SAME.get(word) or _parted(word)]


def bare(text: str) -> list[str]:
    """Return the words of a line without case, accents and punctuation, contractions without their apostrophe.

    What is misspelt in a contraction is then one word amiss, and not two.

    >>> bare("It’s FINE, isnt it?!")
    ['its', 'fine', 'isnt', 'it']
    """
    return _WORD.findall(_letters(text).replace("'", ""))


def visible(text: str) -> str:
    """Return text without characters that have no width, such as soft hyphens, which part nothing."""
    return text if text.isascii() else "".join(c for c in text if unicodedata.category(c) != "Cf")


def _letters(text: str) -> str:
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", visible(plain)).casefold().translate(_APOSTROPHES)
        apart = unicodedata.normalize("NFD", plain)
        plain = "".join(letter for letter in apart if unicodedata.category(letter) != "Mn")
        plain = re.sub(SIGN, r" \g<0> ", plain)
    return plain.replace("&", " and ").replace("`", "'")


def _parted(word: str) -> list[str]:
    """A word that is in no list: a number spelled out, a contraction taken apart."""
    if word.isascii() and word.isdecimal() and len(word) <= 4:
        return _spelled(int(word))
    stem, mark, ending = word.rpartition("'")
    if mark and "'" + ending in _ENDINGS:
        return [*_SAME.get(stem, [stem.replace("'", "")]), _ENDINGS["'" + ending]]
    return [word.replace("'", "")]


def _spelled(number: int) -> list[str]:
    """English words for a number below 10,000, as they are said without “and”.

    >>> _spelled(0), _spelled(1985)
    (['zero'], ['one', 'thousand', 'nine', 'hundred', 'eighty', 'five'])
    """
    said = []
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            said += [_UNITS[number // size], name]
            number %= size
    if number >= 20:
        said.append(_TENS[number // 10])
        number %= 10
    return [*said, _UNITS[number]] if number or not said else said
