"""Generated graphs of steps, whose outputs follow from the graph alone, and what a run folder holds."""

import random
from pathlib import Path

BODY = """import time
names = {reads!r}
(folder / 'count').mkdir(exist_ok=True)
with (folder / 'count' / {number!r}).open('a') as file:
    file.write('x')
time.sleep({before})
text = '(' + ' '.join((folder / name).read_text() for name in names) + {number!r} + ')'
(folder / 'tables').mkdir(exist_ok=True)
(folder / {writes!r}).write_text(text)
time.sleep({after})"""
"""The work of a step. `count` is none of its outputs: it tells how often the step was started."""


def add(toys, seed: int, pauses: tuple[float, ...] = (0, 0.3)) -> dict[str, str]:
    """Add three to five steps to a study, each of which reads some of those before; return output -> its content."""
    rng = random.Random(seed)  # noqa: S311
    contents: dict[str, str] = {}
    for n in range(1, rng.randint(3, 5) + 1):
        number, writes = f"{n:02d}", f"tables/{n:02d}.txt"
        reads = sorted(rng.sample(sorted(contents), min(len(contents), rng.randint(0, 2))))
        body = BODY.format(reads=reads, number=number, writes=writes, before=rng.choice(pauses),
                           after=rng.choice(pauses))  # fmt: skip
        toys.add(f"{number}_step", body, reads=reads, writes=[writes])
        contents[writes] = f"({' '.join(contents[name] for name in reads)}{number})"
    return contents


def outputs(folder: Path) -> dict[str, str]:
    """Return output -> its content in a run folder."""
    return {f"tables/{path.name}": path.read_text() for path in sorted((folder / "tables").glob("*.txt"))}


def starts(folder: Path) -> dict[str, int]:
    """Return step -> how often it was started."""
    return {path.name: len(path.read_text()) for path in sorted((folder / "count").glob("*"))}
