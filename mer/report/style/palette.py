"""Colours that are distinct in every kind of colour vision, with markers and hatches for grey print."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

EMOTIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")

# Okabe and Ito (2008), "Color Universal Design", ordered so that neighbours differ in lightness too
COLOURS = ("#999999", "#F0E442", "#0072B2", "#56B4E9", "#CC79A7", "#009E73", "#D55E00", "#000000", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
HATCHES = ("", "..", "//", "", "xx", "\\\\", "--", "", "++")
LINES = ("-", "--", ":", "-.")
MISSING = "#DDDDDD"
"""The colour of a missing value in a heat map."""
GREY = "#767676"
"""The grey of text and markers: the lightest that is easily read on white."""
SEQUENTIAL = "cividis"


class Style(NamedTuple):
    """Colour, marker, hatch and line of one name in a figure."""

    colour: str
    marker: str
    hatch: str
    line: str


# dark colours first: points and lines in yellow or grey are hard to see
_FOR_POINTS = (2, 6, 5, 4, 8, 3, 7, 0, 1)


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Return one style per name; colours repeat after 9 names, but not together with the marker.

    >>> styles(["svm", "gated"])["gated"].marker
    's'
    """
    return {name: _style(_FOR_POINTS[i % len(COLOURS)], i) for i, name in enumerate(dict.fromkeys(names))}


def emotion_styles(names: Iterable[str], classes: Sequence[str] = EMOTIONS) -> dict[str, Style]:
    """Return one style per emotion, the same on every figure; names beyond the seven follow them.

    Args:
        names: the emotions.
        classes: the order of the emotions; others follow by name.

    >>> list(emotion_styles(["anger", "boredom", "neutral"]))
    ['neutral', 'anger', 'boredom']
    """
    return {name: _style(_place(name, i), _place(name, i)) for i, name in enumerate(in_order(names, classes))}


def in_order(names: Iterable[str], classes: Sequence[str] = EMOTIONS) -> list[str]:
    """Return the names once each: those of `classes` in their order, then others by name."""
    names = set(names)
    return [name for name in classes if name in names] + sorted(names.difference(classes))


def escape_mathtext(text: object) -> str:
    """Return text that matplotlib draws literally: `$` in the name of a corpus would start a formula.

    >>> print(escape_mathtext("pay $5"))
    pay \\$5
    """
    return str(text).replace("$", r"\$")


def escape_all(texts: Iterable[object]) -> list[str]:
    """Return each text with `escape_mathtext` applied."""
    return [escape_mathtext(text) for text in texts]


def _place(name: str, i: int) -> int:
    return EMOTIONS.index(name) if name in EMOTIONS else len(EMOTIONS) + i


def _style(colour: int, i: int) -> Style:
    return Style(COLOURS[colour % len(COLOURS)], _of(MARKERS, i), _of(HATCHES, colour), _of(LINES, i))


def _of(values: Sequence[str], i: int) -> str:
    return values[i % len(values)]
