"""Ask a model about one's own recordings: `python -m mer.predict FILE_OR_FOLDER… --model FOLDER`; see `--help`.

Exit codes: 0 everything was answered, 1 something was not (its row says why), 2 nothing could be asked.
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from mer import files
from mer.predict.inputs.requests import collect

SHOWN = 10
"""answers on the screen; the table has them all"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        asked = collect(given.places, given.list, given.text)
        model = _load(given)
        count = _answer(model, asked, given)
    except (ImportError, OSError, ValueError) as error:  # Unusable, Missing and their like among them
        print(f"predict: {error}", file=sys.stderr)
        return 2
    return 1 if count["failed"] else 0


def _load(given: argparse.Namespace):
    from mer.predict.inputs import recogniser
    from mer.predict.inputs.segments import Settings
    from mer.predict.predictor import load

    networks = dict(pair.partition("=")[::2] for pair in given.network)
    hear = recogniser.open_(given.transcribe, given.whisper, given.device) if given.transcribe else None
    settings = Settings(given.cut_above, given.voice, given.abstain)
    return load(given.model, settings=settings, device=given.device, jobs=given.jobs, networks=networks, recognise=hear)


def _answer(model, asked: list, given: argparse.Namespace) -> Counter:
    from mer.predict.outputs import output_tables

    lines = given.out.with_suffix(".jsonl") if given.json else None
    count, kept = Counter(), []
    for answer in output_tables.write(model.answers(asked), given.out, lines, model.card):
        count["failed" if answer.error else "answered" if answer.label else "abstained"] += 1
        if count.total() <= SHOWN:
            print(_line(answer))
        elif count.total() == SHOWN + 1:
            print("…")
        if given.html:
            kept.append(answer)
    if given.html:
        from mer.predict.outputs import page

        page.write(given.out.with_suffix(".html"), kept, model.card, model.notes)
    for note in model.notes:
        print(f"note: {note}")
    print(", ".join(f"{number} {what}" for what, number in sorted(count.items())), "·", files.to_root(given.out))
    return count


def _line(answer) -> str:
    what = answer.path or f'"{(answer.text or "")[:40]}"'
    times = "" if answer.start is None else f" {answer.start:.1f}-{answer.end:.1f} s"
    if answer.error:
        return f"{what}{times}: {answer.error}"
    doubts = "".join(f"  ({warning})" for warning in answer.warnings)
    return f"{what}{times}: {answer.label or 'undecided'} {answer.certainty:.2f}{doubts}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mer.predict", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("places", nargs="*", type=Path, metavar="FILE_OR_FOLDER", help="audio or video of any length and container")
    add("--model", type=Path, required=True, help="a checkpoint, such as outputs/demo/checkpoints/gated-seed0")
    add("--list", type=Path, action="append", default=[], help="a path a line, or CSV with columns path and text")
    add("--text", help="what is said in the one recording; without, .srt, .vtt or .txt beside it are read")
    add("--out", type=Path, default=Path("predictions.csv"), help="by default %(default)s")
    add("--json", action="store_true", help="also JSON lines, beside the table")
    add("--html", action="store_true", help="also a page with player and timeline, beside the table")
    add("--abstain", type=_share, default=0.0, metavar="P", help="no label where the highest probability is below P")
    add("--cut-above", type=float, metavar="SECONDS", help="longer recordings are cut at pauses; 0 cuts all")
    add("--voice", choices=("auto", "silero", "energy"), default="auto", help="what finds speech and pauses")
    add("--transcribe", choices=("pocketsphinx", "whisper"), help="recognise words where none are given")
    add("--whisper", metavar="MODEL", help="of --transcribe whisper: a folder, or a name on the Hugging Face hub")
    add("--network", action="append", default=[], metavar="MODALITY=PLACE", help="where a pretrained network lies here")
    add("--device", default="cpu", help="of networks: cpu, cuda, mps")
    add("--jobs", type=int, default=_processors(), help="threads of extraction; changes no answer")
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a probability from 0 to 1")
    return value


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
