"""What was read of the corpora of a study, as lines and as a page that plays a recording of each label.

The page is self-contained: recordings are embedded as 16-bit WAV of at most `MAX_SECONDS`.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from mer import files
from mer.corpora.corpus import Utterance
from mer.corpora.own.check import CorpusCheck
from mer.media import Unreadable, audio

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
    free_bytes, corpora = MAX_PAGE_BYTES, []
    for check in checks:
        labels = []
        for label, count in check.labels.most_common():
            example = next(iter(check.examples.get(label, [])), None)
            player = _player(example, raw, free_bytes)
            free_bytes -= len(player["source"])
            labels.append({"name": label, "emotion": _emotion(check, label), "count": f"{count:,}", **player})
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


def _player(example: Utterance | None, raw: Path, free_bytes: int) -> dict[str, str]:
    """Return the address, path and text of a recording, or the reason why it is not played."""
    empty = {"source": "", "path": "", "text": "", "reason": ""}
    if example is None:
        return empty | {"reason": "no recording"}
    try:
        samples = audio.read_mono(raw / example.path, start=example.start, end=example.end, max_seconds=MAX_SECONDS)
    except (Unreadable, OSError, ValueError) as error:
        return empty | {"reason": f"{example.path}: {getattr(error, 'reason', error)}"}
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, samples, audio.RATE_HZ, format="WAV", subtype="PCM_16")
    source = f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"
    if len(source) > free_bytes:
        return empty | {"reason": "not embedded, because the page would be too large"}
    return empty | {"source": source, "path": example.path, "text": example.transcription or ""}
