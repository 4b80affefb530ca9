"""One spelling for names of speakers that look the same."""

import re
import unicodedata

JOINT_SPEAKERS = " & "
"""The text between the names of people who speak at once, in `Utterance.speaker` and `speaker_id`. `normalised` removes
it from single names."""
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Characters that are invisible and no format characters."""


def normalised(name: str) -> str:
    """Return a name in one spelling: Unicode's NFKC, single blanks, no invisible characters.

    Case and leading zeros stay, because `Ann` and `ann` may be two people.

    >>> normalised("Be\\u0301a\\u200b  Ｘ １\\u00a0")
    'Béa X 1'
    >>> normalised("ann & bob")
    'ann&bob'
    """
    if name.isalnum() and name.isascii():  # nearly all names
        return name
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name))
    visible = (" " if kind == "Cc" else letter for letter in text if (kind := unicodedata.category(letter)) != "Cf")
    text = unicodedata.normalize("NFKC", "".join(visible))  # characters that are now neighbours may form one letter
    return " ".join(text.split()).replace(JOINT_SPEAKERS, JOINT_SPEAKERS.strip())


def episode(season: int | None, number: int | None) -> str | None:
    """Return the name of an episode of a series; None if a number is not known.

    >>> episode(8, 21), episode(8, None)
    ('s08e21', None)
    """
    return None if season is None or number is None else f"s{season:02}e{number:02}"
