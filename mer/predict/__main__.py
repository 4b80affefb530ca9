"""Predict emotions in your recordings: `python -m mer.predict FILE_OR_FOLDER… --model FOLDER`; see `--help`.

With `--serve` a page on this machine records with the microphone (`mer/predict/serve`).

Exit codes: 0 if there is a prediction for every request, 1 if some have an error (see the table), 2 if nothing could be
predicted.
"""

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mer import commands, files, processors
from mer.predict.inputs.requests import MAX_WHOLE_SECONDS, collect_requests

EPILOG = """
typical:
  python -m mer.predict interview.wav --model outputs/voice/checkpoints/voice-seed0 --html
  python -m mer.predict FOLDER --model outputs/voice/checkpoints/adapted-seed0 --adapt speaker
  python -m mer.predict --serve --model outputs/voice/checkpoints/voice-seed0

exit codes: 0 all predicted; 1 some have an error, which the table states; 2 nothing was predicted
"""
MAX_LINES = 10
"""The number of predictions that are printed; the table has all of them."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.serve:
            return _serve(options)
        if options.port is not None:
            raise ValueError("--port is for --serve")
        _check_outputs(options)
        requests = collect_requests(options.paths, options.list, options.text)
        model = _load(options)
        count = _predict(model, requests, options)
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:  # among them those of checkpoints and of missing networks
        print(f"predict: {error}", file=sys.stderr)
        return 2
    return 1 if count["failed"] else 0


def _serve(options: argparse.Namespace) -> int:
    """Serve the page that records, until Ctrl-C or a signal ends it.

    Raises:
        ValueError: files are named, or the port is none.
    """
    from mer.predict.serve.server import serve

    if options.paths or options.list or options.text is not None:
        raise ValueError("with --serve the page takes the recordings; name no file, list or text")
    port = options.port or 0
    if not 0 <= port < 2**16:
        raise ValueError(f"--port {options.port}: a port is a number up to 65535; 0 is any that is free")
    model = _load(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the temporary folder is removed then, too
    serve(model, port)
    return 0


def _outputs(options: argparse.Namespace) -> list[Path]:
    """Return the files that the command writes: the table, and beside it JSON lines and page if they are requested."""
    kinds = [kind for kind, requested in ((".jsonl", options.json), (".html", options.html)) if requested]
    return [options.out, *(options.out.with_suffix(kind) for kind in kinds)]


def _check_outputs(options: argparse.Namespace) -> None:
    existing = [] if options.force else [path for path in _outputs(options) if path.exists()]
    if existing:
        raise ValueError(f"{files.to_root(existing[0])} exists already; take another name with --out, or --force to "
                         "overwrite it")  # fmt: skip


def _load(options: argparse.Namespace):
    from mer.predict.inputs import recogniser
    from mer.predict.inputs.segments import PredictionSettings
    from mer.predict.predictor import load

    networks = dict(pair.partition("=")[::2] for pair in options.network)
    recognise = None
    if options.transcribe:
        recognise = recogniser.open_recogniser(options.transcribe, options.whisper, options.device, options.jobs)
    inputs = tuple(filter(None, options.inputs.split(","))) if options.inputs is not None else None
    settings = PredictionSettings(options.cut_above, options.voice, options.abstain, inputs, options.adapt)
    return load(
        options.model, settings=settings, device=options.device, jobs=options.jobs, networks=networks,
        recognise=recognise,
    )  # fmt: skip


def _predict(model, requests: list, options: argparse.Namespace) -> Counter:
    from mer.predict.outputs import output_tables

    lines = options.out.with_suffix(".jsonl") if options.json else None
    predictions = model.predict(requests)
    count, on_page = Counter(), []
    for prediction in output_tables.write_predictions(
        predictions, options.out, lines, model.card.classes, list(model.inputs)
    ):
        count["failed" if prediction.error else "predicted" if prediction.label else "undecided"] += 1
        if count.total() <= MAX_LINES:
            print(_line(prediction))
        elif count.total() == MAX_LINES + 1:
            print("…")
        if options.html:
            on_page.append(prediction)
    if options.html:
        from mer.predict.outputs import page

        page.write(options.out.with_suffix(".html"), on_page, model.card, model.notes, embed=options.embed)
    for note in model.notes:
        print(f"note: {note}")
    print(", ".join(f"{n} {state}" for state, n in sorted(count.items())), "·", files.to_root(options.out))
    if options.html:
        print(f"open {files.to_root(options.out.with_suffix('.html'))}")
    return count


def _line(prediction) -> str:
    subject = prediction.path or f'"{(prediction.text or "")[:40]}"'
    times = "" if prediction.start is None else f" {prediction.start:.1f}-{prediction.end:.1f} s"
    if prediction.error:
        return f"{subject}{times}: {prediction.error}"
    warnings = "".join(f"  ({warning})" for warning in prediction.warnings)
    return f"{subject}{times}: {prediction.label or 'undecided'} {prediction.certainty:.2f}{warnings}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mer.predict", description="Predict emotions in recordings with a trained model.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    _add_recordings(parser.add_argument_group("what is predicted").add_argument)
    _add_results(parser.add_argument_group("what is written").add_argument)
    _add_reading(parser.add_argument_group("how recordings are read").add_argument)
    add = parser.add_argument_group("a page with a microphone").add_argument
    add("--serve", action="store_true", help="name no file: serve a page on this machine that records or takes a file, "
        "and shows the predictions; Ctrl-C ends it")  # fmt: skip
    add("--port", type=int, metavar="N", help="the port of --serve (default: any that is free)")
    add = parser.add_argument_group("this machine").add_argument
    add("--network", action="append", default=[], metavar="NAME=PATH",
        help="where the pretrained network of the input NAME is")  # fmt: skip
    add("--device", default="cpu", help="the device of networks: cpu, cuda or mps (default: %(default)s)")
    add("--jobs", type=int, default=processors.count(), metavar="N",
        help="threads of extraction, which change no prediction (default: all cores)")  # fmt: skip
    return parser


def _add_recordings(add: Callable[..., object]) -> None:
    add("paths", nargs="*", type=Path, metavar="FILE_OR_FOLDER", help="audio or video of any length and container")
    add("--model", type=Path, required=True, metavar="FOLDER",
        help="a checkpoint, such as outputs/demo/checkpoints/gated-seed0")  # fmt: skip
    add("--list", type=Path, action="append", default=[], metavar="FILE",
        help="recordings: a text with one path per line, or CSV with columns path, text and speaker")  # fmt: skip
    add("--text", help="the text of the one recording; without it, .srt, .vtt or .txt files beside it are read")
    add("--inputs", metavar="NAME,NAME",
        help="inputs of the model that are used, by name or modality; the others count as missing")  # fmt: skip


def _add_results(add: Callable[..., object]) -> None:
    add("--out", type=Path, default=Path("predictions.csv"), metavar="FILE", help="the table (default: %(default)s)")
    add("--html", action="store_true", help="also write a page with player and timeline, beside the table")
    add("--json", action="store_true", help="also write JSON lines, beside the table")
    add("--force", action="store_true", help="overwrite existing files")
    add("--embed", action="store_true", help="embed all recordings in the page, so that it can be moved; by "
        "default those of up to 2 MiB")  # fmt: skip
    add("--abstain", type=_share, default=0.0, metavar="P", help="no label if the highest probability is below P")


def _add_reading(add: Callable[..., object]) -> None:
    cut = (
        f"cut longer recordings at pauses (default: {MAX_WHOLE_SECONDS:g}, or the longest that the model accepts if "
        "the recording has a text); 0 cuts all"
    )
    add("--cut-above", type=float, metavar="SECONDS", help=cut)
    add("--voice", choices=("auto", "silero", "energy"), default="auto",
        help="what detects pauses: a network, loudness, or (auto) the network if it is installed")  # fmt: skip
    add("--transcribe", choices=("pocketsphinx", "whisper"), help="transcribe recordings without text")
    add("--whisper", metavar="MODEL", help="for --transcribe whisper: a folder, or a name on the Hugging Face hub")
    add("--adapt", choices=("corpus", "speaker"),
        help="for models with normalisation by corpus or speaker: all recordings together, or those of each speaker "
        "(the column speaker of a list, else each subfolder), scale their own features, and adapt probabilities if "
        "the model was trained with `adaptation`")  # fmt: skip


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a probability from 0 to 1")
    return value


if __name__ == "__main__":
    sys.exit(commands.run(main))
