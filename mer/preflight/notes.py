"""Facts about a run that its user should know before it starts: stored frames and faces, and layers not checked."""

from collections.abc import Iterator
from pathlib import Path

from mer import files
from mer.params.features import AudioFeatures, TextFeatures, VideoFeatures
from mer.params.schema import Params
from mer.preflight import networks
from mer.preflight.faults import EXTRACTION_STEPS

VALUE_BYTES = 2
"""The size of a stored value of a frame, in bytes."""
CLIPS_PER_HOUR = 1000
"""The number of recordings of an hour of audio if each lasts 3.6 s, which is usual for acted speech."""
FACE_BYTES = 224 * 224 * 3
"""The size of a stored face, in bytes."""
MANIFEST = "data/manifest.parquet"
"""The manifest in a run folder."""
RECORDING_COLUMNS = ("audio_sha256", "start", "end")
"""The columns of the manifest that identify a recording."""


def notes(p: Params, run_folder: Path, steps: set[str]) -> list[str]:
    """Return sentences about the space of frames and faces, and about layers that are not checked before step 02.

    Args:
        p: the parameters of the study.
        run_folder: the run folder of the study. The number of recordings is that of its manifest.
        steps: the numbers of the steps that are run.
    """
    if not steps & EXTRACTION_STEPS:
        return []
    kept = [one for one in p.features.values() if getattr(one, "keep", "vector") == "frames"]
    recordings = recording_count(run_folder / MANIFEST) if kept else None
    encoders = [one for one in p.features.values() if one.extractor == "encoder"]
    faces = [one for one in p.features.values() if isinstance(one, VideoFeatures) and one.is_trained]
    return [*(_frame_note(one, recordings) for one in kept), *map(_face_note, faces),
            *(note for one in encoders for note in _layer_notes(one))]  # fmt: skip


def _face_note(one: VideoFeatures) -> str:
    size = _mebibytes(round(60 * one.frames_per_second * FACE_BYTES))
    return f"{one.location}.train: faces take up to {size} MiB in the store for each minute of video"


def recording_count(manifest: Path) -> int | None:
    """Return the number of different usable recordings in a manifest; None if there is no manifest yet."""
    if not manifest.is_file():
        return None
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(manifest, columns=[*RECORDING_COLUMNS, "exclude_reason"])
    except (ArrowException, OSError, KeyError):  # of another version or damaged: step 02 names the fault
        return None
    rows = table.to_pylist()
    usable = (row for row in rows if row["exclude_reason"] is None and row["audio_sha256"] is not None)
    return len({tuple(row[name] for name in RECORDING_COLUMNS) for row in usable})


def _frame_note(one: AudioFeatures, recordings: int | None) -> str:
    values = _frame_values(one)
    if values is None:
        return f"{one.location}.keep: the space of frames is not known before the network {one.model!r} is here"
    size = values * VALUE_BYTES
    in_memory = "and twice as much in memory in training"
    if recordings is None:
        return (f"{one.location}.keep: frames take {_mebibytes(size * CLIPS_PER_HOUR)} MiB in the store for "
                f"{CLIPS_PER_HOUR:,} recordings (an hour of audio, at 3.6 s each), {in_memory}")  # fmt: skip
    return (f"{one.location}.keep: frames of {recordings:,} recordings take {_mebibytes(size * recordings)} MiB in the "
            f"store, {in_memory}")  # fmt: skip


def _frame_values(one: AudioFeatures) -> int | None:
    """Return the number of stored values of a recording; None if the network or its width is unknown."""
    folder = networks.network_folder(one.model, one.revision)
    width = None if folder is None else networks.state_width(folder)
    blocks = None if folder is None else networks.block_count(folder)
    if width is None or blocks is None or (isinstance(one.layer, str) and one.layer != "all"):
        return None
    return one.max_frames * (blocks + 1 if one.layer == "all" else 1) * width + 1


def _layer_notes(one: AudioFeatures | TextFeatures) -> Iterator[str]:
    """Yield a note if a layer is a module's name and the names of the network's tensors cannot be read."""
    folder = networks.network_folder(one.model, one.revision)
    if folder is None or not isinstance(one.layer, str) or one.layer == "all":
        return
    weights = None if one.weights is None else files.from_root(one.weights)
    if not networks.tensor_names(folder, weights):
        place = files.to_root(weights or folder)
        yield (f"{one.location}.layer: is checked in step 02 only, because the names of the tensors in {place} cannot "
               "be read before; a file of safetensors has them in its header")  # fmt: skip


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.0f}" if size >= 2**20 else f"{size / 2**20:.2f}"
