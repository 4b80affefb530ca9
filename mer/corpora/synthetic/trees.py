"""Raw trees of made-up speech in the native layouts of five corpora, with truths planted in them.

`write` makes RAVDESS, CREMA-D, EMO-DB, ESD (English) and MELD folders which the same parsers read as the
originals, so that everything downstream runs without any corpus at hand, and a test can ask whether the
analysis finds what was put there. Each is recorded in `Truth` and in `truth.json` below the raw folder:

1. Shortcut: in ESD a clip's total length gives its label away, since low room noise fills every file up to a
   length of its emotion (`Truth.shortcut`); the voice itself acts as in the other corpora.
2. Uninformative modality: in MELD the voice acts an emotion drawn evenly from all seven whatever the label
   (`Truth.uninformative`, and clip by clip `Truth.acted`), while the words lean to the label. The label is
   not excluded from the draw: a voice that never acts its own label would give it away by elimination.
3. Parallel texts: in the other four corpora every emotion is spoken with the same sentences
   (`Truth.parallel`).
4. Shift: speakers, recordings and what an emotion does to the voice differ between corpora by `shift`
   (mer/corpora/synthetic/voice.py); at 0 only gender and chance remain, so that another corpus is as good
   to learn from as one's own.

With `video`, RAVDESS and CREMA-D get films beside the sound, of a drawn face that acts the same emotion
(mer/corpora/synthetic/face.py): mp4 files of the modality 02, which has pictures only, and flv files.

Every clip draws from its own generator, seeded by the seed and the clip's id: no clip depends on the order
or the number of processes, and the clips of a small set are those of a larger one; only MELD's dialogues are
dealt anew for every size.
"""

import itertools
import multiprocessing
import os
import shutil
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mer.corpora.synthetic import face
from mer.corpora.synthetic.text import ESD_SECONDS, Tree, cremad_tables, esd, meld
from mer.corpora.synthetic.voice import RATE, Clip, speak
from mer.files import read_json, to_root, write_json

FORMAT = 2
"""raised whenever the same spec gives other files"""

_RAVDESS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
_CREMAD = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral",
           "SAD": "sadness"}  # fmt: skip
_CREMAD_SENTENCES = ("DFA", "IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "ITS", "TSI", "WSI")
_EMODB = {"W": "anger", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness", "N": "neutral",
          "L": "boredom"}  # fmt: skip
_EMODB_SPEAKERS = {"03": "male", "08": "female", "10": "male", "09": "female", "11": "male", "13": "female",
                   "12": "male", "14": "female", "15": "male", "16": "female"}  # fmt: skip
_EMODB_TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


@dataclass(frozen=True)
class Truth:
    """What was planted, and every file that was written."""

    spec: dict[str, float]
    """seed, speakers, clips, shift and the format's version; video where there are films"""
    shortcut: dict[str, object]
    """corpus, feature, and the feature's value in seconds for each native label"""
    uninformative: dict[str, str]
    """corpus and the modality that says nothing about the emotion"""
    informative: dict[str, str]
    """the same corpus and the modality that does"""
    parallel: list[str]
    """corpora in which every emotion has the same sentences"""
    acted: dict[str, str]
    """MELD's clips by path: the emotion that the voice acts, whatever the label"""
    rates: dict[str, int]
    """sample rate in Hz by corpus"""
    clips: dict[str, int]
    """number of clips by corpus"""
    files: dict[str, str]
    """every file by its path below the raw folder, with the CRC-32 of its bytes"""


def write(raw: Path, *, seed: int = 0, speakers: int = 6, clips: int = 5, shift: float = 1.0, video: bool = False,
          jobs: int = 1) -> Truth:  # fmt: skip
    """Write the five corpora below `raw`, unless they lie there already, and say what is planted in them.

    Args:
        raw: a folder that is absent, empty or was made by this function.
        seed: of everything, 0 or more.
        speakers: in each corpus, 2..24; fewer where the original has fewer.
        clips: for each speaker and emotion, 1 or more; fewer where the file names allow fewer.
        shift: how far speakers and corpora lie apart, 0..4.
        video: whether RAVDESS and CREMA-D have films, too.
        jobs: processes.

    Raises:
        ValueError: `raw` holds files that this function did not write.
    """
    raw = Path(raw).resolve()
    spec = {"format": FORMAT, "seed": seed, "speakers": speakers, "clips": clips, "shift": float(shift)}
    spec |= {"video": True} if video else {}
    found = _read_truth(raw)
    if found and found.spec == spec and _intact(raw, found):
        return found
    _refuse_foreign(raw, found)
    fresh = raw.with_name(f".{raw.name}.{os.getpid()}.partial")
    fresh.mkdir(parents=True)
    try:
        truth = _fill(fresh, spec, jobs)
        write_json(fresh / "truth.json", asdict(truth))
        _take_place(fresh, raw)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return truth


def plan(*, seed: int, speakers: int, clips: int) -> dict[str, Tree]:
    """Return what is to be written of every corpus, by the corpus's id."""
    size = {"speakers": speakers, "clips": clips}
    return {
        "ravdess": _ravdess(**size),
        "cremad": _cremad(seed, **size),
        "emodb": _emodb(**size),
        "esd": esd(seed, **size),
        "meld": meld(seed, **size),
    }


def _fill(folder: Path, spec: dict[str, float], jobs: int) -> Truth:
    seed = int(spec["seed"])
    trees = plan(seed=seed, speakers=int(spec["speakers"]), clips=int(spec["clips"]))
    for path, content in itertools.chain.from_iterable(tree.texts.items() for tree in trees.values()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    todo = [clip for tree in trees.values() for clip in tree.clips]
    films = {clip.path: path for clip in todo if (path := _film_path(clip))} if spec.get("video") else {}
    for parent in {(folder / path).parent for path in (*films.values(), *(clip.path for clip in todo))}:
        parent.mkdir(parents=True, exist_ok=True)
    _record(folder, todo, films, seed, float(spec["shift"]), jobs)
    written = [*(clip.path for clip in todo), *films.values()]
    paths = sorted(written + [path for tree in trees.values() for path in tree.texts])
    return Truth(
        spec=spec,
        shortcut={"corpus": "esd", "feature": "duration", "seconds": dict(ESD_SECONDS)},
        uninformative={"corpus": "meld", "modality": "audio"},
        informative={"corpus": "meld", "modality": "text"},
        parallel=["ravdess", "cremad", "emodb", "esd"],
        acted={clip.path: clip.emotion for clip in trees["meld"].clips},
        rates={name: tree.clips[0].rate for name, tree in trees.items()},
        clips={name: len(tree.clips) for name, tree in trees.items()},
        files={path: _checksum(folder / path) for path in paths},
    )


def _film_path(clip: Clip) -> str | None:
    """Where a corpus that has pictures keeps those of a clip."""
    if clip.corpus == "ravdess":
        return Path(clip.path).with_name(f"02{clip.name[2:]}.mp4").as_posix()
    return f"CREMA-D/VideoFlash/{clip.name}.flv" if clip.corpus == "cremad" else None


def _record(folder: Path, clips: list[Clip], films: dict[str, str], seed: int, shift: float, jobs: int) -> None:
    one = partial(_record_one, folder, films, seed, shift)
    if jobs == 1:
        for clip in clips:
            one(clip)
        return
    # spawned, not forked: the caller may hold threads of torch or of a notebook
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for _ in pool.map(one, clips, chunksize=32):
            pass


def _record_one(folder: Path, films: dict[str, str], seed: int, shift: float, clip: Clip) -> None:
    sound = speak(clip, seed=seed, shift=shift)
    if clip.path in films:
        face.film(folder / films[clip.path], clip, sound, seed=seed, shift=shift)
    if clip.rate != RATE:
        sound = np.clip(soxr.resample(sound, RATE, clip.rate), -0.99, 0.99)
    soundfile.write(folder / clip.path, np.round(sound * 32767).astype(np.int16), clip.rate, subtype="PCM_16")


def _read_truth(raw: Path) -> Truth | None:
    if not (raw / "truth.json").is_file():
        return None
    try:
        return Truth(**read_json(raw / "truth.json"))
    except TypeError as error:
        raise ValueError(
            f"{to_root(raw / 'truth.json')}: not a record of made-up corpora ({error}); "
            "name another raw folder, or delete this one"
        ) from error


def _intact(raw: Path, truth: Truth) -> bool:
    return all((raw / path).is_file() and _checksum(raw / path) == crc for path, crc in truth.files.items())


def _checksum(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"


def _refuse_foreign(raw: Path, found: Truth | None) -> None:
    """Raise where `raw` holds what `write` did not make: nobody's recordings are ever replaced."""
    if raw.is_file():
        raise ValueError(f"{to_root(raw)}: a file, where data.raw has to name a folder; name another")
    own = {"truth.json", *found.files} if found else set()
    held = (path for path in raw.rglob("*") if not path.is_dir() or path.is_symlink())
    foreign = next((path for path in held if path.relative_to(raw).as_posix() not in own), None)
    if foreign:
        raise ValueError(
            f"{to_root(raw)}: holds {foreign.relative_to(raw).as_posix()}, which is not made-up speech, so "
            "nothing is written here; name an empty raw folder for the synthetic corpora (data.raw), or "
            "leave data.synthetic out to read your own"
        )


def _take_place(fresh: Path, raw: Path) -> None:
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
    # sexes alternate; the originals' do not
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
        count = clips if emotion != "boredom" else max(1, clips // 4)  # a few, for a label policy to drop
        for code, version in takes[:count]:
            stem = f"{speaker}{code}{letter}{version}"
            made.append(
                Clip(
                    "emodb", stem, f"emodb/wav/{stem}.wav", speaker, _EMODB_SPEAKERS[speaker], emotion, f"emodb {code}"
                )
            )
    return Tree(made, {})
