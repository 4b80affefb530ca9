"""Find names that may belong to one speaker: names that differ in case, accents, zeros or signs, or contain another.

Such names are candidates only. `mer.dataset.identity.speakers` keeps them in one part, and the audit reports them.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

_LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝ" + "αβεζηικμνορτυχ" + "ıøłđ",
    "abekmhopctyxijsdqw" + "abezhikmnoptyx" + "iold",
)
"""Letters that look like Latin ones in either case, and Latin letters with a stroke."""
_TRANSLITERATIONS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe"})
_ACCENTED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
"""The scripts whose accents are often left out. In other scripts a mark may be a vowel."""
_NUMBER_PREFIXES = {"speaker", "spk", "spkr", "sp", "s", "id", "no", "nr"}
"""Words before a number that add no information."""
_ROLES = {"actor": "actor", "subject": "subject", "subj": "subject", "sub": "subject", "participant": "participant",
          "part": "participant", "person": "person", "user": "user", "talker": "talker", "voice": "voice"}  # fmt: skip
"""Roles that may be left out. `Actor_01` equals `01`, but `Actor 1` and `Subject 1` may be different speakers."""
_TOKEN = re.compile(r"[0-9]+|[^0-9\s]+")
_NEGATIVE = re.compile(r"-\d")
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")
_DECIMALS = re.compile(r"(?<=\d)[.,]0+$")
_LIST_SEPARATOR = re.compile(r"\s*[;+&|、]\s*|\s+(?:(?i:and|und|et|og|och|ve|with|mit)|y|e)\s+")
"""Separators that nearly always stand between two speakers."""
_DIVIDER = re.compile(r"\s*[/\\,]\s*")
"""Separators of two speakers, of a surname and a first name, or of a place and a speaker."""
_PATH = re.compile(r"[/\\]")
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*")
_WITHIN_NAME = re.compile(r"[_:-]")
"""Separators that mostly occur within one name."""


@functools.lru_cache(maxsize=100_000)
def match_keys(name: str) -> frozenset[str]:
    """Return the keys of a name. Two names that may belong to one speaker have a key in common.

    Args:
        name: a name as from `names.normalised`.

    >>> similar = lambda first, second: bool(match_keys(first) & match_keys(second))
    >>> [similar("Ann", other) for other in ("ann", "ANN.", "Аnn", "Änn", "Anne")]
    [True, True, True, True, False]
    >>> [similar("1", other) for other in ("01", "1.0", "spk_1", "Actor_01", "-1", "10")]
    [True, True, True, True, False, False]
    >>> similar("Actor 1", "Subject 1"), similar("F1", "M1"), similar("Lee, Ann", "Ann Lee"), similar("1_01", "101")
    (False, False, True, False)
    """
    spelled = name.casefold().translate(_TRANSLITERATIONS)
    return frozenset(key for text in {name.casefold(), spelled} for key in _keys(_tokens(text), text))


def _keys(tokens: list[str], text: str) -> set[str]:
    if not tokens:
        return {text}
    words = sum(not token[0].isdigit() for token in tokens)
    keys = {"words " + " ".join(sorted(tokens))} if words == len(tokens) > 1 else set()
    first, rest = tokens[0], tokens[1:]
    if rest and first in _NUMBER_PREFIXES and rest[0][0].isdigit():
        return keys | _with_roles(_joined_tokens(rest))
    if rest and first in ("speaker", *_ROLES):
        text = _joined_tokens(rest)
        return keys | ({f"{_ROLES[first]} {text}"} if first in _ROLES else _with_roles(text))
    return keys | _with_roles(_joined_tokens(tokens))


def _with_roles(text: str) -> set[str]:
    """Return the key of a name without a role, and its keys with each role."""
    return {text} | {f"{role} {text}" for role in set(_ROLES.values())}


def _joined_tokens(tokens: list[str]) -> str:
    """Join tokens to one text. Separators of words are removed, separators of numbers are not."""
    return "".join(
        ("_" if at and token[0].isdigit() and tokens[at - 1][0].isdigit() else "") + token
        for at, token in enumerate(tokens)
    )


def folded(name: str) -> str:
    """Return a name without case, accents, leading zeros and separators of words.

    >>> folded("Dia_01") == folded("dia 1"), folded("1_2") == folded("12")
    (True, False)
    """
    return _joined_tokens(_tokens(name.casefold())) or name


def _tokens(text: str) -> list[str]:
    """Return the words and numbers of a casefolded text without accents and leading zeros."""
    plain = _DECIMALS.sub("", text)
    plain = _NOT_ALPHANUMERIC.sub(" ", plain) if plain.isascii() else _ascii_letters(plain)
    tokens = [token.lstrip("0") or "0" if token[0].isdigit() else token for token in _TOKEN.findall(plain)]
    return ["minus", *tokens] if tokens and _NEGATIVE.match(text) else tokens


def _ascii_letters(text: str) -> str:
    """Return letters without accents, digits as ASCII and blanks for signs."""
    letters, base = [], ""
    for letter in unicodedata.normalize("NFKD", text):
        kind = unicodedata.category(letter)
        if kind == "Nd":
            letter = str(unicodedata.digit(letter))
        elif kind[0] == "M":
            letter = "" if base.startswith(_ACCENTED_SCRIPTS) else letter
        elif kind[0] != "L" and kind not in ("No", "Nl", "So"):
            letter = " "
        if kind[0] != "M":
            base = unicodedata.name(letter, "")
        letters.append(letter)
    return "".join(letters).translate(_LOOKALIKES)


def name_tokens(name: str) -> list[str]:
    """Return the names that a name may consist of; none if it is a single one.

    >>> name_tokens("ann;bob"), name_tokens("Ann and Bob"), name_tokens("Lee, Ann")
    (['ann', 'bob'], ['Ann', 'Bob'], ['Lee', 'Ann'])
    >>> name_tokens("Sandy")
    []
    """
    if name.isalnum():
        return []
    for separator in (_DIVIDER,) if _PATH.search(name) else (_LIST_SEPARATOR, _DIVIDER):
        if len(tokens := [token for token in separator.split(name) if token]) > 1:
            return [inner for token in tokens for inner in (name_tokens(token) or [token])]
    return []


def single_speakers(names: Iterable[str]) -> set[str]:
    """Return the keys of names that belong to a single speaker."""
    return {key for name in names if not name_tokens(name) for key in match_keys(name)}


def distinct_names(name: str, single_keys: set[str], locations: Mapping[str, Mapping[int, set[str]]]) -> list[str]:
    """Return the names of the speakers whom one name contains, as far as other names show; none if it is one.

    A token counts as a speaker if it is also a name by itself or a token of another name. For tokens that a comma or
    slash divides, the latter only counts in another position: `Lee, Ann` and `Fox, Ann` are two speakers, and so are
    `lab1/a` and `lab1/b`. Text in brackets is removed if the rest is another name.

    Args:
        name: the name.
        single_keys: the keys of names of single speakers (`single_speakers`).
        locations: key -> position of a token -> the names with such a token in this position.

    >>> distinct_names("ann;bob", single_speakers(["bob"]), {}), distinct_names("ann;bob", set(), {})
    (['ann', 'bob'], [])
    >>> distinct_names("a_b", single_speakers(["a", "b"]), {})
    ['a', 'b']
    """
    tokens, is_list = name_tokens(name), bool(_LIST_SEPARATOR.search(name)) and not _PATH.search(name)
    for place, token in enumerate(tokens):
        for key in match_keys(token):
            places = locations.get(key, {}).items()
            elsewhere = (names for other_place, names in places if is_list or other_place != place)
            if key in single_keys or any(len(names) > (name in names) for names in elsewhere):
                return tokens
    if not tokens:
        elements = list(dict.fromkeys(element for element in _WITHIN_NAME.split(name) if element))
        if len(elements) > 1 and all((match_keys(element) & single_keys) - match_keys(name) for element in elements):
            return elements
        without_brackets = _BRACKETS.sub(" ", name).strip()
        if without_brackets and without_brackets != name and match_keys(without_brackets) & single_keys:
            return [without_brackets]
    return []
