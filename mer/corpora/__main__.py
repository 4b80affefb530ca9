"""Corpora: `python -m mer.corpora list | status | download | verify | check STUDY | unpack FILES OUT`; see `--help`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mer import commands, files
from mer.corpora import CORPORA, Corpus, closest_id
from mer.corpora.download.addresses import FORMS, SOURCES
from mer.corpora.download.source import DownloadError, size
from mer.corpora.download.status import report, status

EPILOG = """
typical:
  python -m mer.corpora list                      all corpora, and how to get each
  python -m mer.corpora download emodb            fetch one
  python -m mer.corpora status                    what is in data/raw, and what is missing
  python run_all.py params/open.yaml              then run a study on it
  python -m mer.corpora check params/mine.yaml    what is read of a study's corpora, with a page to listen to
  python -m mer.corpora unpack cameo/ data/raw/cameo    recordings inside Parquet files of the Hugging Face hub

exit codes: 0 done; 1 something is missing, differs or was not downloaded; 2 wrong usage; 130 interrupted
"""
UNTESTED_ADDRESSES = (
    "Download corpora that may be downloaded openly. The addresses are those documented by their publishers on 2026-11 "
    "and are not tested. An interrupted download resumes: type the same line again."
)
LANGUAGES = {
    "bn": "Bangla", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fr": "French",
    "it": "Italian", "pl": "Polish", "tr": "Turkish", "ur": "Urdu", "zh": "Mandarin",
}  # fmt: skip
"""Maps a language, as in ISO 639-1, to its name."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except KeyboardInterrupt:
        print("\ninterrupted; type the same line again to resume", file=sys.stderr)
        return 130


def list_corpora(arguments: argparse.Namespace) -> int:
    """List every corpus and how to get it."""
    width = max(len(corpus.title) for corpus in CORPORA.values())
    print(f"{'id':<14} {'corpus':<{width}} {'language':<9} {'access':<17} licence")
    for name, corpus in CORPORA.items():
        language = LANGUAGES.get(corpus.language, corpus.language)
        print(f"{name:<14} {corpus.title:<{width}} {language:<9} {_access(name):<17} {corpus.licence}")
    print(
        "\ndownload: python -m mer.corpora download ID; the size is the disk space that it needs until it is done"
        "\nform:     a licence, a form or terms to agree to in person; the same command says where, and where the"
        "\n          files then go"
        "\nby hand:  free, but no program may fetch it; the same command says where it is"
    )
    return 0


def print_status(arguments: argparse.Namespace) -> int:
    """Print for each corpus whether it is present and complete; fail if a requested one is not."""
    states = [status(corpus, arguments.raw) for corpus in _selected(arguments.names) or CORPORA.values()]
    for item in states:
        first, *rest = report(item)
        print("\n    ".join([first, *rest]))
    missing = [item for item in states if not item.ready]
    if missing:
        name = next((item.corpus.name for item in missing if item.corpus.name in SOURCES), missing[0].corpus.name)
        print(f"\nnext: python -m mer.corpora download {name}")
    return 1 if arguments.names and missing else 0


def download(arguments: argparse.Namespace) -> int:
    """Download each named corpus, or print how to get it."""
    from mer.corpora.download import get  # importing requests takes a moment

    failed = False
    for corpus in _selected(arguments.names):
        try:
            if corpus.name not in SOURCES:
                raise DownloadError(_alternative(corpus))
            source, accept = SOURCES[corpus.name], arguments.accept_licence
            get.download(corpus, source, arguments.raw, accept=accept, print_line=print)
            state = status(corpus, arguments.raw)
            print("\n    ".join(report(state)))
            failed |= not state.ready
        except DownloadError as error:
            print(error, file=sys.stderr)
            failed = True
        except BrokenPipeError:
            raise
        except OSError as error:
            print(f"{corpus.name}: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
            failed = True
    return int(failed)


def verify(arguments: argparse.Namespace) -> int:
    """Compare files with published digests if there are any, and count utterances."""
    from mer.corpora.download import verify as digests

    failed = False
    for corpus in _selected(arguments.names):
        state = status(corpus, arguments.raw)
        lines = report(state)
        failed |= not state.ready
        if state.folder and corpus.name in SOURCES:
            result = digests.verify(SOURCES[corpus.name], state.folder)
            lines += digests.report(result) or ["no digests of single files are published; counted only"]
            failed |= bool(result.different or result.missing)
        print("\n    ".join(lines))
    return int(failed)


def check(arguments: argparse.Namespace) -> int:
    """Read the corpora of a study as step 01 does, and write a page that plays a recording of each label."""
    from mer import params
    from mer.corpora.own import check as checks
    from mer.corpora.own import corpus as own
    from mer.report.pages import corpus_check

    try:
        study = params.load(arguments.study, arguments.set)
    except params.ParamsError as error:
        print(error, file=sys.stderr)
        return 2
    raw, results, unknown = files.from_root(study.data.raw), [], 0
    for name, options in study.corpora.items():
        if options.table is None and name not in CORPORA:
            near = closest_id(name)
            print(f"{name}: there is no such corpus{f' (did you mean {near!r}?)' if near else ''}", file=sys.stderr)
            unknown += 1
            continue
        results.append(checks.check(own.corpus(name, options) if options.table else CORPORA[name], raw))
        print("\n    ".join(corpus_check.lines(results[-1])))
    out = arguments.out or files.ROOT / "outputs" / "checks" / f"{study.name}.html"
    corpus_check.write(out, study.name, results, raw)
    print(f"listen: {files.to_root(out)}")
    return int(unknown > 0 or not all(result.passed for result in results))


def unpack(arguments: argparse.Namespace) -> int:
    """Write the recordings inside Parquet files of the Hugging Face hub into files, a folder per corpus."""
    from mer.corpora.own import unpack as unpacking

    try:
        written = unpacking.unpack(arguments.sources, arguments.out)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        print(f"unpack: {error}", file=sys.stderr)
        return 2
    for one in written:
        lost = f", {one.missing:,} rows without a recording" if one.missing else ""
        print(f"{files.to_root(one.folder)}: {one.recordings:,} recordings{lost}")
    print("corpora of a study, if data.raw is the folder above:")
    for one in written:
        place = one.folder.relative_to(arguments.out.parent).as_posix()
        print(f"  {place.lower().replace('/', '_')}: {{table: {place}/{unpacking.LIST}}}")
    return 0


def _access(name: str) -> str:
    if name in SOURCES:
        return f"download, {size(SOURCES[name].space)}"
    return "form" if name in FORMS else "by hand"


def _alternative(corpus: Corpus) -> str:
    form = "is under a licence that asks for a form or consent in person"
    reason = form if corpus.name in FORMS else "is downloaded by hand"
    return (
        f"{corpus.name}: {corpus.title} {reason}; nothing was downloaded.\n  licence: {corpus.licence}\n"
        f"  how, and where to put it: {corpus.instructions}\n  then: python -m mer.corpora status {corpus.name}"
    )


def _selected(names: Sequence[str]) -> list[Corpus]:
    return [CORPORA[name] for name in dict.fromkeys(names)]


def _corpus_id(text: str) -> str:
    if text in CORPORA:
        return text
    near = closest_id(text)
    hint = f"did you mean {near}?" if near else "`python -m mer.corpora list` shows all"
    raise argparse.ArgumentTypeError(f"there is no corpus {text!r}; {hint}")


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m mer.corpora", description=__doc__, epilog=EPILOG, formatter_class=formatter
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run, summary: str, names: str | None = None, text: str | None = None):
        subparser = subcommands.add_parser(name, help=summary, description=text or run.__doc__)
        subparser.set_defaults(run=run)
        if names:
            explanation = "id of a corpus, as in `list`"
            subparser.add_argument("names", nargs=names, type=_corpus_id, metavar="NAME", help=explanation)
            subparser.add_argument(
                "--raw",
                type=lambda text: files.from_root(Path(text)),
                default="data/raw",
                metavar="DIR",
                help="folder of the corpora, relative to the repository (default: data/raw)",
            )
        return subparser

    command("list", list_corpora, "all corpora, and how to get each")
    command("status", print_status, "what is present, and what is missing", "*")
    open_corpora = "download corpora that may be downloaded openly"
    command("download", download, open_corpora, "+", UNTESTED_ADDRESSES).add_argument(
        "--accept-licence",
        action="store_true",
        help="you have read the licences of these corpora and agree to them; needed once per corpus",
    )
    command("verify", verify, "compare files with published digests", "+")
    packed = command("unpack", unpack, "recordings inside Parquet files of the Hugging Face hub into files")
    packed.add_argument("sources", nargs="+", type=Path, metavar="FILE_OR_FOLDER", help="Parquet files, or folders")
    packed.add_argument("out", type=Path, metavar="OUT", help="the new folder, such as data/raw/cameo")
    study = command("check", check, "what is read of the corpora of a study, with a page to listen to")
    study.add_argument("study", metavar="STUDY", help="the study, such as params/mine.yaml")
    study.add_argument("--set", action="append", default=[], metavar="A.B=C", help="override one parameter")
    study.add_argument("--out", type=Path, metavar="FILE", help="the page (default: outputs/checks/<study>.html)")
    return parser


if __name__ == "__main__":
    sys.exit(commands.run(main))
