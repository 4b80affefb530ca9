"""Fuzz one reader: `python -m tests.fuzz NAME --seconds N [--keep FOLDER]`.

With atheris (pip install atheris) mutations are guided by coverage; without it they are random. The first input that
raises an unexpected error is written to the folder, and its traceback is printed.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None


def main() -> int:
    """Run the command; return 1 if an input raised an unexpected error."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="folder of inputs that fail, and of the corpus")
    options = parser.parse_args()
    if atheris:
        with atheris.instrument_imports(include=["mer"]):
            from tests.fuzz import seeds, targets
    else:
        from tests.fuzz import seeds, targets
    warnings.simplefilter("ignore")
    options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        first = seeds.seeds(options.name, Path(folder))
        target = targets.TARGETS[options.name]
        if atheris:
            return _guided(options, lambda data: target(Path(folder), data), first)
        return _random(options, lambda data: target(Path(folder), data), first)


def _guided(options: argparse.Namespace, target, first: list[bytes]) -> int:
    corpus = options.keep / options.name
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(first):
        (corpus / f"seed{number}").write_bytes(seed)
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={options.seconds:.0f}", f"-artifact_prefix={options.keep}/{options.name}-",
         "-timeout=60", "-rss_limit_mb=4096", "-max_len=65536", str(corpus)],
        target,
    )  # fmt: skip
    atheris.Fuzz()  # ends the process
    return 0


def _random(options: argparse.Namespace, target, first: list[bytes]) -> int:
    from tests.fuzz.mutations import mutated

    rng, until, count = random.Random(), time.monotonic() + options.seconds, 0  # noqa: S311
    while time.monotonic() < until:
        data = mutated(rng.choice(first), rng)
        began = time.monotonic()
        try:
            target(data)
        except Exception:
            traceback.print_exc()
            path = options.keep / f"{options.name}-crash"
            path.write_bytes(data)
            print(f"{path}: {len(data)} bytes, after {count} inputs")
            return 1
        if time.monotonic() - began > 10:
            (options.keep / f"{options.name}-slow").write_bytes(data)
        count += 1
    print(f"{options.name}: {count} inputs in {options.seconds:.0f} s, none raised an unexpected error")
    return 0


if __name__ == "__main__":
    sys.exit(main())
