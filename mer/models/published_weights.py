"""The published fusion weights (SMIL-SPCRAS/MER @ 75ae4e4), read into `GatedFusion`.

The project's page, https://smil-spcras.github.io/MER, links to them as its pre-trained models: `fusion.pth` of a corpus
(AFEW, MELD) and, if a corpus was held out, `LOCO/<corpus of the encoders>/test_<corpus>.pth`.

The network reads vectors of that project's encoders, which are not standardised: 512 values for audio, 1024 for video,
768 for text. A held-out corpus was held out of the training of the fusion only, not of the encoders: the folder names
the corpus on which they were fine-tuned, and the text encoder was first a public one that was trained on MELD.
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
"""The classes of seven logits, in their order. The order of fewer classes is not published."""


def _names() -> dict[str, str]:
    """Return published name -> name in `GatedFusion`. A gate is named by its modalities: `gal_av` takes audio first."""
    layers = {f"fc_{m}": f"project.{m}" for m in MODALITIES} | {"fc_avt": "merge", "classifier": "classify"}
    names = {f"{old}.{part}": f"{new}.{part}" for old, new in layers.items() for part in ("weight", "bias")}
    matrices = {"WF1": "first", "WF2": "second", "WF": "gate"}
    for number, (a, b) in enumerate(PAIRS):
        names |= {f"gal_{a[0]}{b[0]}.{w}": f"gates.{number}.{new}.weight" for w, new in matrices.items()}
    return names


NAMES = _names()
"""The published name of each parameter and its name in `GatedFusion`."""


def load(path: str | Path, dropout: float = 0.1) -> GatedFusion:
    """Return the network of a published file, on the CPU and ready to predict.

    Its sizes are those of the tensors, its gate is the softmax with which the weights were trained, and no input may be
    missing (`missing` is `none`).

    Args:
        dropout: share for further training; the published one is 0.1.

    Raises:
        OSError: the file does not exist.
        ValueError: the file is damaged, or holds something else: code, other tensors, NaN or infinity.
    """
    path = Path(path)
    tensors = _read(path)
    _refuse(path, _wrong_names(tensors))
    _refuse(path, [f"{name} {fault}" for name in NAMES if (fault := _tensor_problem(tensors[name]))])
    with torch.device("meta"):  # shapes without values: nothing is allocated for sizes that a file only claims
        network = _network_for(tensors, dropout)
    expected = {name: _renamed_tensor(name, network.get_parameter(new)).shape for name, new in NAMES.items()}
    _refuse(path, [
        f"{name} has the shape {tuple(tensors[name].shape)}, and the other tensors require {tuple(shape)}"
        for name, shape in expected.items() if tensors[name].shape != shape
    ])  # fmt: skip
    _refuse(path, [f"{name} holds NaN or infinity" for name in NAMES if not tensors[name].isfinite().all()])
    state = {new: _renamed_tensor(name, tensors[name]).float().contiguous().clone() for name, new in NAMES.items()}
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
    except Exception as error:  # torch raises many types: RuntimeError, EOFError, KeyError, …
        raise ValueError(f"{files.to_root(path)}: damaged, or not written by torch; download it again") from error


def _refuse_compressed(content: BytesIO) -> None:
    """Refuse a compressed archive, which may grow a thousandfold. torch never compresses its archives."""
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
    # A tensor of any shape may consist of a single repeated number.
    enough = 0 < value.nbytes <= value.untyped_storage().nbytes()
    return "" if enough else "has another number of bytes than its shape requires"


def _network_for(tensors: dict[str, Tensor], dropout: float) -> GatedFusion:
    widths = {m: tensors[f"fc_{m}.bias"].numel() for m in MODALITIES}
    hidden, classes = tensors["fc_avt.bias"].numel(), tensors["classifier.bias"].numel()
    return GatedFusion(Inputs(widths), classes, hidden, dropout, gate="softmax")


def _renamed_tensor(name: str, tensor: Tensor) -> Tensor:
    """Return a gate's matrix transposed, because published gates compute x W and torch x W^T; any other unchanged."""
    return tensor.T if name.startswith("gal_") else tensor


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        more = f" and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise ValueError(f"{files.to_root(path)}: not the published weights: {'; '.join(problems[:20])}{more}")
