"""What was read of the corpora of a study, as lines and as a page that plays a recording of each label.

The page is self-contained: recordings are embedded as 16-bit FLAC of at most `MAX_SECONDS`.
"""

from collections.abc import Sequence
from pathlib import Path

from mer import files
from mer.corpora.corpus import Utterance
from mer.corpora.own.check import CorpusCheck
from mer.report.pages.players import Players

TEMPLATES = Path(__file__).parent
"""The folder of the template."""
MAX_SECONDS = 10.0
"""The longest part of a recording that is embedded, in seconds."""
MAX_PAGE_BYTES = 24 * 2**20
"""The largest size of all embedded recordings, in bytes."""
MAX_NAMES, MAX_PROBLEMS = 40, 20
"""The largest numbers of speakers and of problems that are listed."""
EXAMPLES = 3
"""The number of places that are listed for each problem."""


def lines(check: CorpusCheck) -> list[str]:
    """Return what was read of a corpus, for the screen; the first line is a summary."""
    result = [f"{check.corpus.name}: {_summary(check)}"]
    if check.columns:
        result.append("columns: " + ", ".join(f"{column} = {name!r}" for column, name in check.columns.items()))
    if check.labels:
        result.append("labels: " + ", ".join(f"{label} ({_emotion(check, label)}) {count:,}"
                                             for label, count in check.labels.most_common()))  # fmt: skip
        result.append(f"speakers: {_speakers(check)}")
    result += [f"{p['count']} × {p['reason']}  ({p['places']})" for p in _problems(check)]
    return result


def write(path: Path, study: str, checks: Sequence[CorpusCheck], raw: Path) -> None:
    """Write the page.

    Args:
        path: the path of the page.
        study: the name of the study.
        checks: what was read of each corpus.
        raw: the folder of all corpora.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    players, corpora = Players(raw, MAX_SECONDS, MAX_PAGE_BYTES), []
    for check in checks:
        labels = []
        for label, count in check.labels.most_common():
            example = next(iter(check.examples.get(label, [])), None)
            shown = {"name": label, "emotion": _emotion(check, label), "count": f"{count:,}"}
            labels.append(shown | _player(example, players))
        corpora.append(_corpus(check, raw) | {"labels": labels})
    text = page.get_template("corpus_check.html.j2").render(study=study, corpora=corpora)
    files.write_text(path, text)


def _corpus(check: CorpusCheck, raw: Path) -> dict:
    place = files.to_root(check.folder) if check.folder else f"no folder below {files.to_root(raw)}"
    return {
        "title": f"{check.corpus.title} ({check.corpus.name})", "place": place, "passed": check.passed,
        "summary": _summary(check), "columns": list(check.columns.items()),
        "speakers": _speakers(check) if check.speakers else "", "problems": _problems(check)[:MAX_PROBLEMS],
    }  # fmt: skip


def _summary(check: CorpusCheck) -> str:
    if check.folder is None:
        return "absent"
    lost = f"{check.lost:,} lost" if check.lost else "none lost"
    return (f"{check.labels.total():,} utterances, {len(check.speakers):,} speakers, {len(check.labels):,} labels, "
            f"{lost}")  # fmt: skip


def _emotion(check: CorpusCheck, label: str) -> str:
    return check.corpus.emotions.get(label, "not known")


def _speakers(check: CorpusCheck) -> str:
    names = [f"{name} {count:,}" for name, count in sorted(check.speakers.items())[:MAX_NAMES]]
    rest = len(check.speakers) - len(names)
    return ", ".join(names) + (f" and {rest:,} more" if rest else "")


def _problems(check: CorpusCheck) -> list[dict]:
    ordered = sorted(check.problems.items(), key=lambda item: -len(item[1]))
    return [
        {"count": f"{len(places):,}", "reason": reason,
         "places": ", ".join(places[:EXAMPLES]) + (", …" if len(places) > EXAMPLES else "")}
        for reason, places in ordered
    ]  # fmt: skip


def _player(example: Utterance | None, players: Players) -> dict[str, str]:
    """Return the address, path and text of a recording, or the reason why it is not played."""
    empty = {"source": "", "path": "", "text": "", "reason": ""}
    if example is None:
        return empty | {"reason": "no recording"}
    player = players.player(example.path, example.start, example.end)
    if player["reason"]:
        return empty | {"reason": f"{example.path}: {player['reason']}"}
    return {**player, "path": example.path, "text": example.transcription or ""}
