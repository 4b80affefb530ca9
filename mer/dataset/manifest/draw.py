"""Draw some utterances of each corpus for a quick look (`data.max_clips`, `data.max_speakers`).

The draw is even over classes and speakers. It depends on the seed, and on ids, speakers and classes of utterances. It
does not depend on other corpora or on the order of files. The utterances of a smaller `max_clips` are among those of a
larger one.
"""

import hashlib
import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest

import pandas as pd

from mer.dataset.identity import speakers
from mer.dataset.manifest.lost_utterances import NOT_DRAWN


@dataclass(frozen=True)
class Caps:
    """The largest number of utterances and of speakers of a corpus; None is no limit."""

    clips: int | None = None
    speakers: int | None = None


def with_caps(manifest: pd.DataFrame, caps: Caps, official: set[str], seed: int) -> pd.DataFrame:
    """Return the manifest with `capped`, and with an `exclude_reason` for usable rows that are not drawn.

    A row is `capped` if its corpus has rows that are not drawn. A published split keeps the shares of its parts.

    Args:
        manifest: all rows.
        caps: the limits.
        official: corpora whose published split is kept.
        seed: the seed of the draw.
    """
    manifest, capped = manifest.assign(capped=False), set()
    if caps == Caps():
        return manifest
    usable = manifest[manifest["exclude_reason"].isna()]
    for corpus, rows in usable.groupby("corpus", sort=True):
        part = rows["split_official"].astype(object).where(rows["split_official"].notna(), "")
        speaker = speakers.speaker_groups(rows.drop(columns="samples_sha256"))
        rows = pd.DataFrame({"id": rows["utterance_id"], "emotion": rows["emotion"], "gender": rows["gender"],
                             "speaker": speaker, "part": part if corpus in official else ""})  # fmt: skip
        drawn = rows[rows["speaker"].isin(_speakers(rows, caps.speakers, seed))]
        drawn = drawn.loc[_clips(drawn, caps.clips, seed)]
        if len(drawn) < len(rows):
            capped.add(corpus)
            manifest.loc[rows.index.difference(drawn.index), "exclude_reason"] = NOT_DRAWN
    return manifest.assign(capped=manifest["corpus"].isin(capped))


def sentences(manifest: pd.DataFrame) -> list[str]:
    """Return a sentence for each corpus of which only some utterances are drawn.

    Args:
        manifest: all rows, with `capped` and `exclude_reason`.
    """
    texts = []
    for corpus, rows in manifest[manifest["capped"]].groupby("corpus", sort=True):
        drawn, left = rows[rows["exclude_reason"].isna()], rows[rows["exclude_reason"] == NOT_DRAWN]
        all_speakers = pd.concat([drawn, left])["speaker_id"].nunique()
        clips = f"{len(drawn):,} of {len(drawn) + len(left):,} utterances"
        of_speakers = f"{drawn['speaker_id'].nunique()} of {all_speakers} speakers"
        texts.append(f"quick look: {clips} of `{corpus}` are drawn, from {of_speakers}")
    return texts


def _speakers(rows: pd.DataFrame, count: int | None, seed: int) -> list[str]:
    """The drawn speakers: in turn from groups of speakers with the same gender and the same parts.

    Speakers who are in several parts come first, so that few speakers cover all parts.
    """
    columns = {"gender": ("gender", lambda genders: min((g for g in genders if isinstance(g, str)), default="")),
               "parts": ("part", lambda parts: tuple(sorted(set(parts))))}  # fmt: skip
    table = rows.groupby("speaker").agg(**columns)
    strata = defaultdict(list)
    for speaker in sorted(table.index, key=lambda name: _rank(seed, name)):
        strata[table.at[speaker, "parts"], table.at[speaker, "gender"]].append(speaker)
    order = sorted(strata, key=lambda stratum: (-len(stratum[0]), -len(strata[stratum]), stratum))
    turns = zip_longest(*(strata[stratum] for stratum in order))
    return [speaker for turn in turns for speaker in turn if speaker is not None][:count]


def _clips(rows: pd.DataFrame, count: int | None, seed: int) -> list:
    """The index of the drawn rows. Each draw takes the part that is furthest below its share [Sainte-Laguë], there the
    class with the fewest drawn rows, and of that class the speaker with the fewest."""
    if count is None or len(rows) <= count:
        return list(rows.index)
    sizes, drawn = rows["part"].value_counts().to_dict(), Counter()
    parts = {name: _Part.of(own, seed) for name, own in rows.groupby("part", sort=True)}
    chosen = []
    for _ in range(count):
        part = max((name for name in parts if drawn[name] < sizes[name]),
                   key=lambda name: (sizes[name] / (2 * drawn[name] + 1), name))  # fmt: skip
        chosen.append(parts[part].draw())
        drawn[part] += 1
    return chosen


@dataclass
class _Part:
    """The rows of one part that are not drawn yet.

    Attributes:
        queues: class and speaker -> the rows that are left, the next one at the end.
        heaps: class -> its speakers with rows left: (rows drawn of the speaker, rows drawn of it in the class, rank,
            speaker).
        of_speaker: speaker -> the number of drawn rows.
        of_class: class -> the number of drawn rows.
    """

    queues: dict[tuple[str, str], list]
    heaps: dict[str, list[tuple]]
    of_speaker: Counter = field(default_factory=Counter)
    of_class: Counter = field(default_factory=Counter)

    @classmethod
    def of(cls, rows: pd.DataFrame, seed: int) -> "_Part":
        queues, heaps = defaultdict(list), defaultdict(list)
        order = sorted(zip(rows["id"], rows["emotion"], rows["speaker"], rows.index, strict=True),
                       key=lambda row: _rank(seed, row[0]), reverse=True)  # fmt: skip
        for _, emotion, speaker, row in order:
            queues[emotion, speaker].append(row)
        for emotion, speaker in sorted(queues):
            heaps[emotion].append((0, 0, _rank(seed, f"{emotion}|{speaker}"), speaker))
        for heap in heaps.values():
            heapq.heapify(heap)
        return cls(queues, dict(heaps))

    def draw(self) -> object:
        """Return the next row, which leaves the part."""
        emotion = min((name for name, heap in self.heaps.items() if heap), key=lambda n: (self.of_class[n], n))
        heap = self.heaps[emotion]
        while heap[0][0] < self.of_speaker[heap[0][3]]:  # rows of other classes were drawn of this speaker
            _, own, rank, speaker = heap[0]
            heapq.heapreplace(heap, (self.of_speaker[speaker], own, rank, speaker))
        _, own, rank, speaker = heapq.heappop(heap)
        self.of_speaker[speaker] += 1
        self.of_class[emotion] += 1
        queue = self.queues[emotion, speaker]
        row = queue.pop()
        if queue:
            heapq.heappush(heap, (self.of_speaker[speaker], own + 1, rank, speaker))
        return row


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}|draw|{name}".encode()).digest()
