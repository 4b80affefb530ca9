"""Raw folders of synthetic speech in the layouts of five corpora, with known effects.

`write` creates RAVDESS, CREMA-D, EMO-DB, ESD (English) and MELD folders that the usual parsers read. Everything runs
without a real corpus, and tests check that the analysis finds the known effects. They are recorded in `GroundTruth` and
in `truth.json` below the raw folder:

1. Shortcut: in ESD the duration of a recording reveals its label, because room noise fills every file to a length of
   its emotion (`GroundTruth.shortcut`). The voice itself acts as in the other corpora.
2. Uninformative modality: in MELD the voice acts an emotion drawn evenly from all seven, whatever the label
   (`GroundTruth.uninformative`, and for each recording `GroundTruth.acted_emotions`), while the text depends on the
   label. The draw includes the label, because a voice that never acts its label would reveal it by elimination.
3. Parallel texts: in the other four corpora every emotion has the same sentences (`GroundTruth.parallel`).
4. Shift: speakers, recordings and the effect of an emotion on the voice differ between corpora by `shift`
   (mer/corpora/synthetic/voice_cues.py). At 0 only gender and chance remain: all corpora are equally good for
   training.

With `video`, RAVDESS and CREMA-D get video files of a drawn face that acts the same emotion
(mer/corpora/synthetic/face.py): mp4 files of modality 02, which has no audio, and flv files.

Every recording has its own random generator, seeded by the seed and the recording's id. It does therefore not depend on
the order or the number of processes, and the recordings of a small set are also in a larger one. Only MELD's dialogues
differ for each size.
"""

import glob
import itertools
import multiprocessing
import os
import shutil
import time
import zlib
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mer import pools
from mer.corpora.synthetic import face
from mer.corpora.synthetic.clip import RATE, Clip
from mer.corpora.synthetic.record import GroundTruth, conflict, read, spec_of
from mer.corpora.synthetic.text import ESD_SECONDS, Tree, cremad_tables, esd, meld
from mer.corpora.synthetic.voice import speak
from mer.files import to_root, write_json
from mer.params.data import Synthetic

STALE_SECONDS = 24 * 3600
"""The age, in seconds, from which on an unfinished folder belongs to a process that was killed."""

_RAVDESS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
_CREMAD = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
           "SAD": "sadness"}  # fmt: skip
_CREMAD_SENTENCES = ("DFA", "IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "ITS", "TSI", "WSI")
_EMODB = {"W": "anger", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral",
          "L": "boredom"}  # fmt: skip
_EMODB_SPEAKERS = {"03": "male", "08": "female", "10": "male", "09": "female", "11": "male", "13": "female",
                   "12": "male", "14": "female", "15": "male", "16": "female"}  # fmt: skip
_EMODB_TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def write(raw: Path, parameters: Synthetic, *, jobs: int = 1) -> GroundTruth:
    """Write the five corpora below `raw`, unless they exist there, and return the known effects.

    Args:
        raw: folder that does not exist, is empty, or was written by this function.
        parameters: seed, size and difference of the corpora. A corpus has at most as many speakers as the original, and
            at most as many recordings as its file names allow.
        jobs: number of processes.

    Raises:
        ValueError: `raw` holds files that this function did not write, or corpora of other parameters, which another
            study may be reading.
    """
    raw = Path(raw).resolve()
    spec = spec_of(parameters)
    if existing := _existing(raw, spec):
        return existing
    _refuse_other_files(raw, read(raw))
    if problem := conflict(raw, parameters):
        raise ValueError(problem)
    _remove_abandoned(raw)
    fresh = raw.with_name(f".{raw.name}.{os.getpid()}.partial")
    fresh.mkdir(parents=True)
    try:
        truth = _write_corpora(fresh, spec, jobs)
        write_json(fresh / "truth.json", asdict(truth))
        if existing := _existing(raw, spec):  # another study has written the same corpora, and may be reading them
            return existing
        _replace_folder(fresh, raw)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return truth


def _existing(raw: Path, spec: dict[str, float]) -> GroundTruth | None:
    """Return the record of the corpora of a spec if they are in the folder, and whole."""
    existing = read(raw)
    return existing if existing and existing.spec == spec and _intact(raw, existing) else None


def _remove_abandoned(raw: Path) -> None:
    """Remove what writers left that were killed."""
    for kind in ("partial", "old"):
        for left in raw.parent.glob(f".{glob.escape(raw.name)}.*.{kind}"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def plan(*, seed: int, speakers: int, clips: int) -> dict[str, Tree]:
    """Return the recordings and lists of every corpus, by the corpus's id."""
    size = {"speakers": speakers, "clips": clips}
    return {
        "ravdess": _ravdess(**size),
        "cremad": _cremad(seed, **size),
        "emodb": _emodb(**size),
        "esd": esd(seed, **size),
        "meld": meld(seed, **size),
    }


def _write_corpora(folder: Path, spec: dict[str, float], jobs: int) -> GroundTruth:
    seed = int(spec["seed"])
    trees = plan(seed=seed, speakers=int(spec["speakers"]), clips=int(spec["clips"]))
    for path, content in itertools.chain.from_iterable(tree.texts.items() for tree in trees.values()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    todo = [clip for tree in trees.values() for clip in tree.clips]
    videos = {clip.path: path for clip in todo if (path := _video_path(clip))} if spec.get("video") else {}
    for parent in {(folder / path).parent for path in (*videos.values(), *(clip.path for clip in todo))}:
        parent.mkdir(parents=True, exist_ok=True)
    _record(folder, todo, videos, seed, float(spec["shift"]), jobs)
    written = [*(clip.path for clip in todo), *videos.values()]
    paths = sorted(written + [path for tree in trees.values() for path in tree.texts])
    return GroundTruth(
        spec=spec,
        shortcut={"corpus": "esd", "feature": "duration", "seconds": dict(ESD_SECONDS)},
        uninformative={"corpus": "meld", "modality": "audio"},
        informative={"corpus": "meld", "modality": "text"},
        parallel=["ravdess", "cremad", "emodb", "esd"],
        acted_emotions={clip.path: clip.emotion for clip in trees["meld"].clips},
        rates={name: tree.clips[0].rate for name, tree in trees.items()},
        clips={name: len(tree.clips) for name, tree in trees.items()},
        files={path: _checksum(folder / path) for path in paths},
    )


def _video_path(clip: Clip) -> str | None:
    """Return the path of a recording's video, in corpora that have videos."""
    if clip.corpus == "ravdess":
        return Path(clip.path).with_name(f"02{clip.name[2:]}.mp4").as_posix()
    return f"CREMA-D/VideoFlash/{clip.name}.flv" if clip.corpus == "cremad" else None


def _record(folder: Path, clips: list[Clip], videos: dict[str, str], seed: int, shift: float, jobs: int) -> None:
    record = partial(_record_one, folder, videos, seed, shift)
    if jobs == 1:
        for clip in clips:
            record(clip)
        return
    # spawned and not forked, because the caller may have threads
    context = multiprocessing.get_context("spawn")
    for _ in pools.ordered(pools.Work("writing the synthetic corpora", record), clips, jobs, context, chunk=32):
        pass


def _record_one(folder: Path, videos: dict[str, str], seed: int, shift: float, clip: Clip) -> None:
    samples = speak(clip, seed=seed, shift=shift)
    if clip.path in videos:
        face.write_video(folder / videos[clip.path], clip, samples, seed=seed, shift=shift)
    if clip.rate != RATE:
        samples = np.clip(soxr.resample(samples, RATE, clip.rate), -0.99, 0.99)
    soundfile.write(folder / clip.path, np.round(samples * 32767).astype(np.int16), clip.rate, subtype="PCM_16")


def _intact(raw: Path, truth: GroundTruth) -> bool:
    return all((raw / path).is_file() and _checksum(raw / path) == crc for path, crc in truth.files.items())


def _checksum(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"


def _refuse_other_files(raw: Path, existing: GroundTruth | None) -> None:
    """Raise if `raw` holds files that `write` did not write, so that recordings are never replaced."""
    if raw.is_file():
        raise ValueError(f"{to_root(raw)}: is a file; data.raw has to name a folder")
    own_files = {"truth.json", *existing.files} if existing else set()
    present = (path for path in raw.rglob("*") if not path.is_dir() or path.is_symlink())
    foreign = next((path for path in present if path.relative_to(raw).as_posix() not in own_files), None)
    if foreign:
        raise ValueError(
            f"{to_root(raw)}: holds {foreign.relative_to(raw).as_posix()}, which is not synthetic speech, so "
            "nothing is written here; name an empty raw folder for the synthetic corpora (data.raw), or "
            "leave data.synthetic out to read your own"
        )


def _replace_folder(fresh: Path, raw: Path) -> None:
    old = raw.with_name(f".{raw.name}.{os.getpid()}.old")
    if raw.exists():
        raw.rename(old)
    fresh.rename(raw)
    shutil.rmtree(old, ignore_errors=True)


def _ravdess(*, speakers: int, clips: int) -> Tree:
    # repetition outermost, so that a small set still has both statements and both intensities
    takes = [(i, s, r) for r, i, s in itertools.product((1, 2), (1, 2), (1, 2))]
    made = []
    for actor, (code, emotion) in itertools.product(range(1, min(speakers, 24) + 1), enumerate(_RAVDESS, 1)):
        allowed = [take for take in takes if take[0] == 1 or emotion != "neutral"]
        for intensity, statement, repetition in allowed[:clips]:
            stem = f"03-01-{code:02}-{intensity:02}-{statement:02}-{repetition:02}-{actor:02}"
            path, gender = f"RAVDESS/Actor_{actor:02}/{stem}.wav", "male" if actor % 2 else "female"
            rest = {"strength": (0.9, 1.2)[intensity - 1], "rate": 48_000}
            made.append(Clip("ravdess", stem, path, f"{actor:02}", gender, emotion, f"ravdess {statement}", **rest))
    return Tree(made, {})


def _cremad(seed: int, *, speakers: int, clips: int) -> Tree:
    takes = [(s, "HI" if s == "IEO" else "XX") for s in _CREMAD_SENTENCES] + [("IEO", "MD"), ("IEO", "LO")]
    strengths = {"LO": 0.6, "MD": 0.9, "HI": 1.2, "XX": 1.0}
    # genders alternate, unlike in the original
    actors = {str(1001 + i): ("male", "female")[i % 2] for i in range(speakers)}
    made = []
    for actor, (code, emotion) in itertools.product(actors, _CREMAD.items()):
        allowed = takes if code != "NEU" else [(sentence, "XX") for sentence in _CREMAD_SENTENCES]
        for sentence, level in allowed[:clips]:
            stem = f"{actor}_{sentence}_{code}_{level}"
            made.append(
                Clip(
                    "cremad",
                    stem,
                    f"CREMA-D/AudioWAV/{stem}.wav",
                    actor,
                    actors[actor],
                    emotion,
                    f"cremad {sentence}",
                    strength=strengths[level],
                )
            )
    tables = cremad_tables([clip.name for clip in made], actors, seed)
    return Tree(made, {f"CREMA-D/{path}": content.encode() for path, content in tables.items()})


def _emodb(*, speakers: int, clips: int) -> Tree:
    takes = [(code, version) for version in "abcd" for code in _EMODB_TEXTS]
    made = []
    for speaker, (letter, emotion) in itertools.product(list(_EMODB_SPEAKERS)[:speakers], _EMODB.items()):
        count = clips if emotion != "boredom" else max(1, clips // 4)  # a few, so that a policy drops some
        for code, version in takes[:count]:
            stem = f"{speaker}{code}{letter}{version}"
            made.append(
                Clip(
                    "emodb", stem, f"emodb/wav/{stem}.wav", speaker, _EMODB_SPEAKERS[speaker], emotion, f"emodb {code}"
                )
            )
    return Tree(made, {})
