"""BibTeX of everything that a run used: MER, the method, the corpora, and networks on the Hugging Face hub."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mer import files, foreign
from mer.corpora import Corpus
from mer.params.schema import Params

NAME = "citations.bib"
"""The name of the file."""
_CITATION = re.compile(r"(?P<authors>.+?) \((?P<year>\d{4})\)\. (?P<title>.+?)\. (?P<venue>.+?)\.?")
"""The form of a corpus's citation: authors, year, title, venue."""
_JOURNAL = re.compile(r"(?P<journal>\D+) (?P<volume>\d+)(?:\((?P<number>\d+)\))?, (?P<pages>e?\d+(?:–\d+)?)")
_PROCEEDINGS = re.compile(r"(?P<booktitle>[^,:]+?)(?:, (?P<pages>\d+–\d+))?")
_SPECIAL = str.maketrans({**{character: f"\\{character}" for character in "&%$#_"}, "{": "(", "}": ")", "\\": "/",
                          "~": " ", "^": " "})  # fmt: skip


def write(folder: Path, study: Params, corpora: Iterable[Corpus]) -> Path:
    """Write the entries, and return the path of the file.

    Args:
        folder: the folder, which is created.
        study: its inputs and recogniser name the networks.
        corpora: the corpora that were read.
    """
    files.write_text(folder / NAME, text(study, corpora))
    return folder / NAME


def text(study: Params, corpora: Iterable[Corpus]) -> str:
    """Return the entries of a run; corpora with one citation have one entry, named after the first."""
    citations: dict[str, str] = {}
    for corpus in corpora:
        if not corpus.citation.startswith(("none:", "not stated")):
            citations.setdefault(corpus.citation, corpus.name)
    entries = [*_software(), *(_of_citation(name, citation) for citation, name in citations.items())]
    return "\n".join([*entries, *(_network(name, revision) for name, revision in _networks(study).items())])


def _networks(study: Params) -> dict[str, str | None]:
    """Return name on the hub -> revision of the pretrained networks of a study; folders are left out."""
    sections = [*study.features.values(), *([study.transcripts] if study.transcripts.recogniser == "whisper" else [])]
    named = ((getattr(one, "model", None), getattr(one, "revision", None)) for one in sections)
    return {name: revision for name, revision in named if name and re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", name)
            and not files.from_root(name).exists()}  # fmt: skip


def _of_citation(key: str, citation: str) -> str:
    """Return the entry of a citation; one of another form becomes a note.

    >>> print(_of_citation("emodb", "Burkhardt et al. (2005). A Database of German Emotional Speech. Interspeech."))
    @inproceedings{emodb,
      author = {Burkhardt and others},
      title = {{A Database of German Emotional Speech}},
      booktitle = {Interspeech},
      year = {2005},
    }
    <BLANKLINE>
    """
    if not (match := _CITATION.fullmatch(citation.strip())):
        return _entry("misc", key, {"note": _escape(citation)})
    kind, venue = _venue(match["venue"])
    fields = {"author": _authors(match["authors"]), "title": f"{{{_escape(match['title'])}}}"}
    return _entry(kind, key, fields | venue | {"year": match["year"]})


def _entry(kind: str, key: str, fields: Mapping[str, str | None]) -> str:
    """Return an entry in BibTeX; fields without a value are left out."""
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{re.sub(r'[^A-Za-z0-9_.-]+', '-', key)},", *lines, "}"]) + "\n"


def _venue(venue: str) -> tuple[str, dict[str, str | None]]:
    """The kind of entry and its fields."""
    if match := re.fullmatch(r"arXiv:([\d.]+)", venue):
        return "misc", {"eprint": match[1], "archiveprefix": "arXiv"}
    if match := re.fullmatch(r"(.+), doi:(\S+)", venue):
        return "misc", {"howpublished": _escape(match[1]), "doi": match[2]}
    if match := _JOURNAL.fullmatch(venue):
        return "article", {name: _pages(_escape(value)) for name, value in match.groupdict().items() if value}
    if match := _PROCEEDINGS.fullmatch(venue):
        return "inproceedings", {name: _pages(_escape(value)) for name, value in match.groupdict().items() if value}
    return "misc", {"howpublished": _escape(venue)}


def _pages(value: str) -> str:
    return value.replace("–", "--")


def _authors(authors: str) -> str:
    """Names as BibTeX separates them; a name of several words is one family name."""
    names = re.split(r", | and ", re.sub(r" et al\.$", " and others", authors))
    return " and ".join(f"{{{_escape(name)}}}" if " " in name else _escape(name) for name in names)


def _escape(value: str) -> str:
    return " ".join(value.translate(_SPECIAL).split())


def _software() -> list[str]:
    """The entries of MER and of the method, from CITATION.cff."""
    path = files.ROOT / "CITATION.cff"
    if not path.is_file():
        return []
    own = foreign.load_yaml(path.read_text(encoding="utf-8"))
    entries = [_entry("software", "mer", {"author": f"{{{own['authors'][0]['name']}}}", "title": f"{{{own['title']}}}",
                                         "version": str(own["version"])})]  # fmt: skip
    for one in own.get("references", []):
        authors = " and ".join(f"{person['family-names']}, {person['given-names']}" for person in one["authors"])
        year = str(one["year"])
        key = f"{one['authors'][0]['family-names'].lower()}{year}"
        entries.append(_entry(one["type"], key, {
            "author": authors, "title": f"{{{_escape(one['title'])}}}", "journal": one.get("journal"),
            "volume": str(one.get("volume", "")), "pages": f"{one['start']}--{one['end']}", "year": year,
            "doi": one.get("doi"),
        }))  # fmt: skip
    return entries


def _network(name: str, revision: str | None) -> str:
    note = f"Pretrained network{f', revision {_escape(revision)}' if revision else ''}"
    return _entry("misc", name, {"title": f"{{{_escape(name)}}}", "note": note,
                                "howpublished": f"https://huggingface.co/{name}"})  # fmt: skip
