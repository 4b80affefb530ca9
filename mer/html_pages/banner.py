"""The text at the top of every page of a study."""

from typing import NamedTuple

from mer.params.schema import Data

SYNTHETIC_NOTICE = "Synthetic: the voices are generated, and the results say nothing about people or real corpora."
"""The text at the top of every page of a study of synthetic corpora."""


class PageStudy(NamedTuple):
    """The study of a page that a step writes itself.

    Attributes:
        name: the study.
        banner: the text at the top of its pages.
        day: the day on which the step ran (`Run.day`).
    """

    name: str
    banner: str = ""
    day: str = ""

    @property
    def place(self) -> str:
        """The study and the day, as they stand in the title and the head.

        >>> PageStudy("demo", SYNTHETIC_NOTICE, "2026-11-30").place, PageStudy("open").place
        ('demo (synthetic) · 2026-11-30', 'open')
        """
        return " · ".join(filter(None, (titled(self.name, self.banner), self.day)))


def of_data(data: Data) -> str:
    """Return whether voices are synthetic, and whether this is a quick look; empty if there is nothing to say."""
    caps = {"clips": data.max_clips, "speakers": data.max_speakers}
    limits = " and ".join(f"{count:,} {noun}" for noun, count in caps.items() if count is not None)
    capped = f"Capped: a quick look at no more than {limits} of each corpus; scores are not those of whole corpora."
    return " ".join([SYNTHETIC_NOTICE] * (data.synthetic is not None) + [capped] * bool(limits))


def titled(name: str, banner: str) -> str:
    """Return the name of a study with the first word of its banner, as titles have it.

    >>> titled("demo", SYNTHETIC_NOTICE), titled("open", "")
    ('demo (synthetic)', 'open')
    """
    return f"{name} ({banner.split()[0].rstrip(':').lower()})" if banner else name
