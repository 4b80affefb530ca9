"""Getting corpora: `python -m mer.corpora list | status | download NAME… | verify NAME…`; see `--help`."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from mer import files
from mer.corpora import CORPORA, Corpus
from mer.corpora.download.addresses import FORMS, SOURCES
from mer.corpora.download.source import DownloadError, size
from mer.corpora.download.status import report, status

EPILOG = """
typical:
  python -m mer.corpora list                      what there is, and how each corpus is to be had
  python -m mer.corpora download emodb            fetch one
  python -m mer.corpora status                    what is in data/raw, and what is missing
  python run_all.py params/open.yaml              then run a study on it

exit codes: 0 done; 1 something is missing, differs or was not downloaded; 2 wrong usage; 130 interrupted
"""
UNTRIED = (
    "Downloads what may be downloaded openly. The addresses are those documented by their publishers on 2026-11; "
    "they were not tried from the project's machines. An interrupted download goes on where it was: type the same "
    "line again."
)
LANGUAGES = {
    "bn": "Bangla", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fr": "French",
    "it": "Italian", "pl": "Polish", "tr": "Turkish", "ur": "Urdu", "zh": "Mandarin",
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks … shows something else
    given = _parser().parse_args(arguments)
    try:
        return given.run(given)
    except KeyboardInterrupt:
        print("\ninterrupted; type the same line again to go on", file=sys.stderr)
        return 130


def show(given: argparse.Namespace) -> int:
    """List every corpus and how it is to be had."""
    width = max(len(corpus.title) for corpus in CORPORA.values())
    print(f"{'id':<14} {'corpus':<{width}} {'language':<9} {'how':<17} licence")
    for name, corpus in CORPORA.items():
        language = LANGUAGES.get(corpus.language, corpus.language)
        print(f"{name:<14} {corpus.title:<{width}} {language:<9} {_how(name):<17} {corpus.licence}")
    print(
        "\ndownload: python -m mer.corpora download ID; the size is what the disk needs until it is done"
        "\nform:     a licence, a form or terms to agree to in person; the same command says where, and where the"
        "\n          files then go"
        "\nby hand:  free, but not to be fetched by a program; the same command says where"
    )
    return 0


def tell(given: argparse.Namespace) -> int:
    """Say of each corpus whether it is there and complete; fail where one that was asked for is not."""
    found = [status(corpus, given.raw) for corpus in _named(given.names) or CORPORA.values()]
    for item in found:
        first, *rest = report(item)
        print("\n    ".join([first, *rest]))
    missing = [item for item in found if not item.ready]
    if missing:
        name = next((item.corpus.name for item in missing if item.corpus.name in SOURCES), missing[0].corpus.name)
        print(f"\nnext: python -m mer.corpora download {name}")
    return 1 if given.names and missing else 0


def download(given: argparse.Namespace) -> int:
    """Download each named corpus, or say how it is to be had."""
    from mer.corpora.download.get import get  # requests takes a moment

    failed = False
    for corpus in _named(given.names):
        try:
            if corpus.name not in SOURCES:
                raise DownloadError(_instead(corpus))
            get(corpus, SOURCES[corpus.name], given.raw, accept=given.accept_licence, say=print)
            found = status(corpus, given.raw)
            print("\n    ".join(report(found)))
            failed |= not found.ready
        except DownloadError as error:
            print(error, file=sys.stderr)
            failed = True
        except OSError as error:
            print(f"{corpus.name}: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
            failed = True
    return int(failed)


def verify(given: argparse.Namespace) -> int:
    """Compare files to published digests where there are any, and count."""
    from mer.corpora.download import verify as digests

    failed = False
    for corpus in _named(given.names):
        found = status(corpus, given.raw)
        lines = report(found)
        failed |= not found.ready
        if found.folder and corpus.name in SOURCES:
            verdict = digests.verify(SOURCES[corpus.name], found.folder)
            lines += digests.report(verdict) or ["no digests of single files are published; counted only"]
            failed |= bool(verdict.wrong or verdict.absent)
        print("\n    ".join(lines))
    return int(failed)


def _how(name: str) -> str:
    if name in SOURCES:
        return f"download, {size(SOURCES[name].space)}"
    return "form" if name in FORMS else "by hand"


def _instead(corpus: Corpus) -> str:
    why = "is under a licence that asks for a form or consent in person" if corpus.name in FORMS else "is got by hand"
    return (
        f"{corpus.name}: {corpus.title} {why}; nothing was downloaded.\n  licence: {corpus.licence}\n"
        f"  how, and where to put it: {corpus.instructions}\n  then: python -m mer.corpora status {corpus.name}"
    )


def _named(names: Sequence[str]) -> list[Corpus]:
    return [CORPORA[name] for name in dict.fromkeys(names)]


def _known(text: str) -> str:
    if text in CORPORA:
        return text
    near = difflib.get_close_matches(text.lower(), CORPORA, n=1)
    hint = f"did you mean {near[0]}?" if near else "`python -m mer.corpora list` shows those there are"
    raise argparse.ArgumentTypeError(f"there is no corpus {text!r}; {hint}")


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m mer.corpora", description=__doc__, epilog=EPILOG, formatter_class=shape
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run, what: str, names: str | None = None, text: str | None = None):
        made = commands.add_parser(name, help=what, description=text or run.__doc__)
        made.set_defaults(run=run)
        if names:
            made.add_argument("names", nargs=names, type=_known, metavar="NAME", help="id of a corpus, as in `list`")
            made.add_argument(
                "--raw",
                type=lambda text: files.from_root(Path(text)),
                default="data/raw",
                metavar="DIR",
                help="folder of the corpora, seen from the repository (default: data/raw)",
            )
        return made

    command("list", show, "what there is, and how it is to be had")
    command("status", tell, "what is there, and what is missing", "*")
    command("download", download, "fetch corpora that may be fetched openly", "+", UNTRIED).add_argument(
        "--accept-licence",
        action="store_true",
        help="you have read the licences of the corpora named, and agree to them; asked for once per corpus",
    )
    command("verify", verify, "compare files to what was published", "+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
