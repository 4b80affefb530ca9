"""The way from recordings to the vectors that an ONNX file reads, as JSON and as a line of Python."""

from mer.features import registry
from mer.features.vectors import dimension_names
from mer.params.features import Input
from mer.training.checkpoints.folder import Checkpoint
from mer.training.checkpoints.inputs import extraction
from mer.training.onnx.export import present_name

STUDY_ONLY = ("modality", "extractor", "trained_on", "lexical_control", "transcript", "keep", "train", "crop_seconds",
              "train_frames")  # fmt: skip
"""Parameters of an input that say nothing about the extraction from a single file, or that are said elsewhere."""


def describe(checkpoint: Checkpoint) -> dict:
    """Return the description of everything before and after the tensors of an ONNX file, as JSON types.

    Returns:
        `inputs`: per input the tensors' names, width, modality, extractor, all parameters, the specification of the
        vectors, and the names of their dimensions if there are any; `audio`: how recordings are decoded, with the
        shortest and the longest utterance in seconds; `classes`: those of `probabilities`, in order.

    Raises:
        CheckpointError: the card does not say how its inputs are made.
    """
    card = checkpoint.card
    sections, data = extraction.extraction_parameters(checkpoint, {})
    return {
        "model": card.name,
        "classes": card.classes,
        "audio": {"sampling_rate": 16_000, "channels": 1, "bits": 16, "min_seconds": data.min_seconds,
                  "max_seconds": data.max_seconds},
        "inputs": [_input(checkpoint, name, sections[name]) for name in card.inputs],
    }  # fmt: skip


def _input(checkpoint: Checkpoint, name: str, section: Input) -> dict:
    card = checkpoint.card
    parameters = (card.extraction or {}).get(name, {})
    entry = {"tensor": name, "present": present_name(name), "width": card.widths[name],
             "modality": section.modality, "extractor": section.extractor,
             "parameters": {key: value for key, value in parameters.items() if key not in ("modality", "extractor")},
             "specification": card.features[name], "python": python_call(section)}  # fmt: skip
    if registry.of_input(section).names:
        entry["dimensions"] = dimension_names(section, card.widths[name])
    return entry


def python_call(section: Input) -> str:
    """Return the line of Python that computes the vectors of an input from files or texts.

    >>> from mer.params.features import AudioFeatures
    >>> python_call(AudioFeatures(n_mfcc=13))
    "mer.features(files, extractor='mfcc', modality='audio', n_mfcc=13)"
    """
    defaults = type(section).model_fields
    changed = {key: getattr(section, key) for key in defaults
               if key not in STUDY_ONLY and getattr(section, key) != defaults[key].default}  # fmt: skip
    options = {"extractor": section.extractor, "modality": section.modality} | changed
    source = "texts" if section.modality == "text" else "files"
    return f"mer.features({source}, {', '.join(f'{key}={value!r}' for key, value in options.items())})"
