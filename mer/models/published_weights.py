"""The published fusion weights (SMIL-SPCRAS/MER @ 75ae4e4), read into `GatedFusion`.

The project's page, https://smil-spcras.github.io/MER, links to them as its pre-trained models: `fusion.pth` of a corpus
(AFEW, MELD) and, where a corpus was held out, `LOCO/<corpus of the encoders>/test_<corpus>.pth`.

They take what that project's own encoders gave, not standardised: 512 numbers for audio, 1024 for video, 768 for text.
A corpus that was held out was held out of the fusion only. What the encoders have seen is another matter: the folder
names the corpus that they were tuned on, and the text encoder was first a public one that had seen MELD.
"""

import pickle
import zipfile
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from mer import files
from mer.models.inputs import MODALITIES, Inputs
from mer.models.networks.gated import PAIRS, GatedFusion

CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
"""what seven logits mean, in this order; that of fewer classes is not published"""


def _names() -> dict[str, str]:
    """Return their names -> ours. A gate is named by its modalities: `gal_av` takes audio first."""
    layers = {f"fc_{m}": f"project.{m}" for m in MODALITIES} | {"fc_avt": "merge", "classifier": "classify"}
    names = {f"{theirs}.{part}": f"{ours}.{part}" for theirs, ours in layers.items() for part in ("weight", "bias")}
    matrices = {"WF1": "first", "WF2": "second", "WF": "gate"}
    for number, (a, b) in enumerate(PAIRS):
        names |= {f"gal_{a[0]}{b[0]}.{w}": f"gates.{number}.{ours}.weight" for w, ours in matrices.items()}
    return names


NAMES = _names()


def load(path: str | Path, dropout: float = 0.1) -> GatedFusion:
    """Return the network of a published file, on the CPU and ready to answer.

    Its sizes are those of the tensors, its gate is the softmax that the weights were trained with, and nothing may be
    missing (`missing` is `none`).

    Args:
        dropout: for further training; theirs is 0.1.

    Raises:
        OSError: there is no such file.
        ValueError: the file is damaged, or holds something else: code, other tensors, values that are no numbers.
    """
    path = Path(path)
    tensors = _read(path)
    _refuse(path, _wrong_names(tensors))
    _refuse(path, [f"{name} {fault}" for name in NAMES if (fault := _tensor_problem(tensors[name]))])
    with torch.device("meta"):  # shapes without values: nothing is allocated for sizes that a file only claims
        network = _network_for(tensors, dropout)
    wanted = {name: _renamed_tensor(name, network.get_parameter(ours)).shape for name, ours in NAMES.items()}
    _refuse(path, [
        f"{name} has the shape {tuple(tensors[name].shape)}, and the others ask for {tuple(shape)}"
        for name, shape in wanted.items() if tensors[name].shape != shape
    ])  # fmt: skip
    _refuse(path, [f"{name} holds NaN or infinity" for name in NAMES if not tensors[name].isfinite().all()])
    state = {ours: _renamed_tensor(name, tensors[name]).float().contiguous().clone() for name, ours in NAMES.items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


def _read(path: Path) -> object:
    content = BytesIO(path.read_bytes())
    try:
        _refuse_compressed(content)
        return torch.load(content, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{files.to_root(path)}: holds more than tensors, which may be code that runs when it is loaded; not loaded"
        ) from error
    except Exception as error:  # torch raises whatever it stumbles over: RuntimeError, EOFError, KeyError, ...
        raise ValueError(f"{files.to_root(path)}: damaged, or not written by torch; download it again") from error


def _refuse_compressed(content: BytesIO) -> None:
    """torch never compresses its archives, and what is compressed may grow a thousandfold."""
    if zipfile.is_zipfile(content):
        with zipfile.ZipFile(content) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("a compressed archive")
    content.seek(0)


def _wrong_names(tensors: object) -> list[str]:
    if not isinstance(tensors, dict):
        return [f"a {type(tensors).__name__} instead of tensors by name"]
    missing = [f"{name} is missing" for name in NAMES if name not in tensors]
    return missing + [f"{str(name)[:80]!r} is unexpected" for name in tensors if name not in NAMES]


def _tensor_problem(value: object) -> str:
    if not isinstance(value, Tensor) or value.layout != torch.strided or not value.is_floating_point():
        return "is not a dense tensor of floats"
    # A tensor may claim any shape of a single number that it repeats.
    return "" if 0 < value.nbytes <= value.untyped_storage().nbytes() else "has other bytes than its shape asks for"


def _network_for(tensors: dict[str, Tensor], dropout: float) -> GatedFusion:
    widths = {m: tensors[f"fc_{m}.bias"].numel() for m in MODALITIES}
    hidden, classes = tensors["fc_avt.bias"].numel(), tensors["classifier.bias"].numel()
    return GatedFusion(Inputs(widths), classes, hidden, dropout, gate="softmax")


def _renamed_tensor(name: str, tensor: Tensor) -> Tensor:
    """Turn a matrix of a gate between their x W and torch's x W^T; leave any other as it is."""
    return tensor.T if name.startswith("gal_") else tensor


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        more = f" and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise ValueError(f"{files.to_root(path)}: not the published weights: {'; '.join(problems[:20])}{more}")
