"""What a study needs and this machine lacks, by parameter."""

import importlib.metadata
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mer import files
from mer.params.ablations import study_of
from mer.params.features import AudioFeatures, Input, TextFeatures, Transcripts, VideoFeatures
from mer.params.schema import Params
from mer.preflight import networks, weights

INSTALL = 'pip install -c constraints.txt -e ".[{extra}]"'
"""The command that installs an extra."""
OPENSMILE = ("gemaps", "egemaps", "compare", "emobase")
"""The extractors that need openSMILE."""
CASCADE = "data/haarcascade_frontalface_alt2.xml"
"""The file of OpenCV's Haar cascade, in the package cv2."""
AUDIO_SETTINGS = ("preprocessor_config.json", "processor_config.json")
"""The files of which a network of audio needs one: they state its input."""
EXTRACTION_STEPS = frozenset({"02"})
"""The steps that extract features and transcribe."""
ABLATION_STEP = "05"
"""The step that extracts inputs that rows of an ablation change."""
WITHOUT_DEVICE = frozenset({"01", "09"})
"""The steps that use no device."""


@dataclass(frozen=True)
class Fault:
    """Something that a parameter names and that this machine lacks.

    Attributes:
        parameter: the dotted path of the parameter.
        problem: what is missing, and what to do.
    """

    parameter: str
    problem: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.problem}"


def problems(p: Params, devices: Sequence[str], steps: set[str], *, connect: bool) -> list[str]:
    """Return what a run of some steps needs and this machine lacks: the parameter, the problem and what to do.

    Args:
        p: the parameters of the study.
        devices: the GPUs that notebooks can be given.
        steps: the numbers of the steps that are run. Only these are checked.
        connect: whether to contact the hub, if a network is to be downloaded. Otherwise the download is announced.
    """
    faults: list[Fault] = []
    if steps & EXTRACTION_STEPS:
        faults += [fault for one in p.features.values() for fault in _of_input(one)]
        faults += [*_of_transcripts(p.transcripts), *_of_downloads(p, connect)]
    faults += _of_devices(p, devices, steps - WITHOUT_DEVICE)
    if steps - EXTRACTION_STEPS - WITHOUT_DEVICE:
        faults += _of_training(p)
    if ABLATION_STEP in steps:
        faults += [fault for name in p.ablations.rows for fault in _of_row(p, name, connect)]
    return [str(fault) for fault in faults]


def _of_row(p: Params, name: str, connect: bool) -> Iterator[Fault]:
    """Yield what a row of an ablation needs beside what the study needs."""
    study, row = study_of(p, name), p.ablations.rows[name]
    changed = study.model_copy(update={"features": {key: study.features[key] for key in row.features}})
    own = [fault for one in changed.features.values() for fault in _of_input(one)] + list(
        _of_downloads(changed, connect)
    )
    of_study = {fault.problem for fault in _of_training(p)}
    for fault in [*own, *(fault for fault in _of_training(study) if fault.problem not in of_study)]:
        yield Fault(f"ablations.rows.{name}.{fault.parameter.removeprefix(f'systems.{name}.')}", fault.problem)


def _of_input(one: Input) -> Iterator[Fault]:
    location = one.location
    if isinstance(one, VideoFeatures):
        yield from _of_video(one)
    elif one.extractor in OPENSMILE:
        yield from _package(f"{location}.extractor", one.extractor, "opensmile", "opensmile", "opensmile")
    elif one.extractor == "encoder":
        yield from _of_encoder(one)


def _of_encoder(one: AudioFeatures | TextFeatures) -> Iterator[Fault]:
    location = one.location
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            yield Fault(f"{location}.extractor", f"`encoder` needs the package {package}; install the repository again")
    needs = (AUDIO_SETTINGS,) if one.modality == "audio" else (networks.VOCABULARIES,)
    if one.weights is None:
        needs = (*needs, networks.WEIGHTS)
    for problem in networks.network_problems(one.model, one.revision, needs):
        yield Fault(f"{location}.model", problem)
    if one.train == "lora":
        yield from _package(f"{location}.train", "`lora`", "peft", "peft", "lora")
    weights = None if one.weights is None else files.from_root(one.weights)
    if weights is not None and not weights.is_file():
        yield Fault(f"{location}.weights", f"the file {files.to_root(weights)} does not exist")
    elif folder := networks.network_folder(one.model, one.revision):
        yield from _of_layer(one, folder, weights)


def _of_layer(one: AudioFeatures | TextFeatures, folder: Path, weights: Path | None) -> Iterator[Fault]:
    parameter, layer = f"{one.location}.layer", one.layer
    if isinstance(layer, int):
        blocks = networks.block_count(folder)
        if blocks is not None and not -blocks - 1 <= layer <= blocks:
            yield Fault(parameter, f"{layer} does not exist; the network has blocks 1 to {blocks} (0 is before them, "
                        "-1 the last)")  # fmt: skip
    elif layer != "all":
        names = networks.tensor_names(folder, weights)
        if names and not any(f".{layer}." in f".{name}" for name in names):
            yield Fault(parameter, f"the network has no module {layer!r} with weights")


def _of_video(one: VideoFeatures) -> Iterator[Fault]:
    location = one.location
    yield from _package(f"{location}.extractor", "video inputs", "cv2", "opencv-python-headless", "video")
    spec = find_spec("cv2")
    if spec and spec.origin and not (Path(spec.origin).parent / CASCADE).is_file():
        yield Fault(f"{location}.detector", "this version of opencv-python-headless has no Haar cascades; install a "
                    f"version below 5: {INSTALL.format(extra='video')}")  # fmt: skip
    for name, path, kind in (
        ("weights", one.weights if one.extractor in weights.SOURCES else None, one.extractor),
        ("detector_weights", one.detector_weights if one.detector in weights.SOURCES else None, one.detector),
    ):
        if path is not None and not files.from_root(path).is_file():
            yield Fault(f"{location}.{name}", f"{path} does not exist; {weights.how_to_get(kind, path)}")


def _of_transcripts(section: Transcripts) -> Iterator[Fault]:
    if section.recogniser == "pocketsphinx":
        yield from _package("transcripts.recogniser", "pocketsphinx", "pocketsphinx", "pocketsphinx", "asr")
    elif section.recogniser == "whisper":
        needs = (networks.WEIGHTS, AUDIO_SETTINGS, networks.VOCABULARIES)
        for problem in networks.network_problems(section.model, section.revision, needs):
            yield Fault("transcripts.model", problem)


def _of_downloads(p: Params, connect: bool) -> Iterator[Fault]:
    """Yield the networks that step 02 will download or, if `connect`, those that it cannot download."""
    named = {f"{one.location}.model": one for one in p.features.values() if one.extractor == "encoder"}
    if p.transcripts.model is not None:
        named["transcripts.model"] = p.transcripts
    later = {name: one for name, one in named.items() if networks.is_downloaded_later(one.model, one.revision)}
    if not later or (connect and networks.hub_is_reachable()):
        return
    for parameter, one in later.items():
        state = (
            "and the hub cannot be reached; with internet access" if connect else "and step 02 downloads it, as does"
        )
        advice = networks.command(one.model, one.revision)
        yield Fault(parameter, f"{one.model!r} is not on this machine, {state}: {advice}")


def _of_devices(p: Params, devices: Sequence[str], steps: set[str]) -> Iterator[Fault]:
    own = {step: limits.device for step, limits in p.resources.items() if step in steps and limits.device}
    if steps - set(own):
        yield from _of_device("compute.device", p.compute.device, devices)
    for step, device in own.items():
        yield from _of_device(f"resources.{step}.device", device, devices)


def _of_device(parameter: str, device: str, devices: Sequence[str]) -> Iterator[Fault]:
    if device == "mps" and (platform.system(), platform.machine()) != ("Darwin", "arm64"):
        yield Fault(parameter, "mps exists on Macs with Apple silicon only; use auto or cpu")
    elif device == "cuda" and not devices:
        yield Fault(parameter, "this machine has no CUDA device; use auto or cpu")
    elif device == "cuda" and "+cpu" in (version := _version("torch")):
        yield Fault(parameter, f"torch {version} was built without CUDA; install another build, or use auto or cpu")


def _of_training(p: Params) -> Iterator[Fault]:
    """Yield the checkpoints that training starts from and that do not exist, each once."""
    checkpoints = {p.training.start_from: "training.start_from"} if p.training.start_from else {}
    for name, system in p.systems.items():
        if start_from := system.training.get("start_from"):
            checkpoints.setdefault(str(start_from), f"systems.{name}.training.start_from")
    for checkpoint, parameter in checkpoints.items():
        folder = files.from_root(checkpoint)
        for name in ("model.json", "model.safetensors"):
            if not (folder / name).is_file():
                yield Fault(parameter, f"{files.to_root(folder)} is no checkpoint: it has no {name}")
                break


def _package(parameter: str, user: str, module: str, package: str, extra: str) -> Iterator[Fault]:
    if find_spec(module) is None:
        yield Fault(parameter, f"{user} need{'' if user.endswith('s') else 's'} the package {package}: "
                    f"{INSTALL.format(extra=extra)}")  # fmt: skip


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
