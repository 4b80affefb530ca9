"""Which names may be of one person: those that differ in what people type carelessly, and those that contain another.

These names are only candidates: `mer.dataset.identity.speakers` keeps them together, and the audit asks who they are.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

_LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝ" + "αβεζηικμνορτυχ" + "ıøłđ",
    "abekmhopctyxijsdqw" + "abezhikmnoptyx" + "iold",
)
"""letters that are drawn like Latin ones in either case, or are Latin ones with a stroke"""
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe"})
_ACCENTED = ("LATIN", "GREEK", "CYRILLIC")
"""scripts whose marks people leave out; in others a mark may be a vowel"""
_NUMBERED = {"speaker", "spk", "spkr", "sp", "s", "id", "no", "nr"}
"""what stands before a number and says no more than it does"""
_ROLES = {"actor": "actor", "subject": "subject", "subj": "subject", "sub": "subject", "participant": "participant",
          "part": "participant", "person": "person", "user": "user", "talker": "talker", "voice": "voice"}  # fmt: skip
"""what may as well be left out: `Actor_01` is `01`, though `Actor 1` and `Subject 1` need not be one person"""
_TOKEN = re.compile(r"[0-9]+|[^0-9\s]+")
_MINUS = re.compile(r"-\d")
_SIGN = re.compile(r"[^a-z0-9]")
_FLOAT = re.compile(r"(?<=\d)[.,]0+$")
_LISTED = re.compile(r"\s*[;+&|、]\s*|\s+(?:(?i:and|und|et|og|och|ve|with|mit)|y|e)\s+")
"""between people, nearly always"""
_DIVIDED = re.compile(r"\s*[/\\,]\s*")
"""between people, or between a surname and a name, or a place and a person"""
_PATH = re.compile(r"[/\\]")
_REMARK = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*")
_JOINED = re.compile(r"[_:-]")
"""mostly within one name"""


@functools.lru_cache(maxsize=100_000)
def likenesses(name: str) -> frozenset[str]:
    """Return keys of a name: two names that may be of one person have one in common.

    Args:
        name: as `names.normal` returns it.

    >>> alike = lambda one, other: bool(likenesses(one) & likenesses(other))
    >>> [alike("Ann", other) for other in ("ann", "ANN.", "Аnn", "Änn", "Anne")]
    [True, True, True, True, False]
    >>> [alike("1", other) for other in ("01", "1.0", "spk_1", "Actor_01", "-1", "10")]
    [True, True, True, True, False, False]
    >>> alike("Actor 1", "Subject 1"), alike("F1", "M1"), alike("Lee, Ann", "Ann Lee"), alike("1_01", "101")
    (False, False, True, False)
    """
    spelled = name.casefold().translate(_SPELLED)
    return frozenset(key for text in {name.casefold(), spelled} for key in _of(_tokens(text), text))


def _of(tokens: list[str], text: str) -> set[str]:
    if not tokens:
        return {text}
    words = sum(not token[0].isdigit() for token in tokens)
    keys = {"words " + " ".join(sorted(tokens))} if words == len(tokens) > 1 else set()
    first, rest = tokens[0], tokens[1:]
    if rest and first in _NUMBERED and rest[0][0].isdigit():
        return keys | _bare(_one_text(rest))
    if rest and first in ("speaker", *_ROLES):
        return keys | ({_ROLES[first] + " " + _one_text(rest)} if first in _ROLES else _bare(_one_text(rest)))
    return keys | _bare(_one_text(tokens))


def _bare(text: str) -> set[str]:
    """The key of a name without a role, and those that it has in each."""
    return {text} | {f"{role} {text}" for role in set(_ROLES.values())}


def _one_text(tokens: list[str]) -> str:
    """Tokens as one text: what stands between words does not count, what stands between numbers does."""
    return "".join(
        ("_" if at and token[0].isdigit() and tokens[at - 1][0].isdigit() else "") + token
        for at, token in enumerate(tokens)
    )


def merged(name: str) -> str:
    """Return what is left of a name without case, accents, leading zeros, and what stands between words.

    >>> merged("Dia_01") == merged("dia 1"), merged("1_2") == merged("12")
    (True, False)
    """
    return _one_text(_tokens(name.casefold())) or name


def _tokens(text: str) -> list[str]:
    """Words and numbers of a casefolded text, without accents, leading zeros and what is neither."""
    plain = _FLOAT.sub("", text)
    plain = _SIGN.sub(" ", plain) if plain.isascii() else _plain(plain)
    found = [token.lstrip("0") or "0" if token[0].isdigit() else token for token in _TOKEN.findall(plain)]
    return ["minus", *found] if found and _MINUS.match(text) else found


def _plain(text: str) -> str:
    """Letters without accents and digits as ASCII has them, as far as they are such; blanks for signs."""
    letters, base = [], ""
    for letter in unicodedata.normalize("NFKD", text):
        kind = unicodedata.category(letter)
        if kind == "Nd":
            letter = str(unicodedata.digit(letter))
        elif kind[0] == "M":
            letter = "" if base.startswith(_ACCENTED) else letter
        elif kind[0] != "L" and kind not in ("No", "Nl", "So"):
            letter = " "
        if kind[0] != "M":
            base = unicodedata.name(letter, "")
        letters.append(letter)
    return "".join(letters).translate(_LOOKALIKES)


def parts(name: str) -> list[str]:
    """Return the names that a name may be made of; none where it is one.

    >>> parts("ann;bob"), parts("Ann and Bob"), parts("Lee, Ann"), parts("Sandy")
    (['ann', 'bob'], ['Ann', 'Bob'], ['Lee', 'Ann'], [])
    """
    if name.isalnum():
        return []
    for between in (_DIVIDED,) if _PATH.search(name) else (_LISTED, _DIVIDED):
        if len(found := [part for part in between.split(name) if part]) > 1:
            return [inner for part in found for inner in (parts(part) or [part])]
    return []


def alone(names: Iterable[str]) -> set[str]:
    """Return the keys of names that stand for one person."""
    return {like for name in names if not parts(name) for like in likenesses(name)}


def apart(name: str, known: set[str], where: Mapping[str, Mapping[int, set[str]]]) -> list[str]:
    """Return the names of the people whom one name stands for, as far as other names tell; none where it is one.

    A part counts as a person who stands alone elsewhere, too, or is part of another name. Of what a comma or a stroke
    divides, the latter only counts in another place: `Lee, Ann` and `Fox, Ann` are two people, as are `lab1/a` and
    `lab1/b`. Without what stands in brackets a name may be another one.

    Args:
        known: the keys of names that stand alone (`alone`).
        where: key -> number of the part -> the names that have such a part there.

    >>> apart("ann;bob", alone(["bob"]), {}), apart("ann;bob", set(), {}), apart("a_b", alone(["a", "b"]), {})
    (['ann', 'bob'], [], ['a', 'b'])
    """
    found, listed = parts(name), bool(_LISTED.search(name)) and not _PATH.search(name)
    for place, part in enumerate(found):
        for like in likenesses(part):
            elsewhere = (names for at, names in where.get(like, {}).items() if listed or at != place)
            if like in known or any(len(names) > (name in names) for names in elsewhere):
                return found
    if not found:
        pieces = list(dict.fromkeys(piece for piece in _JOINED.split(name) if piece))
        if len(pieces) > 1 and all((likenesses(piece) & known) - likenesses(name) for piece in pieces):
            return pieces
        bare = _REMARK.sub(" ", name).strip()
        if bare and bare != name and likenesses(bare) & known:
            return [bare]
    return []
