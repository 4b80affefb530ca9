"""Which parameters of an encoder are trained, and how deep each one lies."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from mer.features.pretrained import activations
from mer.files import MissingPackage
from mer.params.features import STAGES, Input, TopLayers
from mer.params.systems import EncoderTraining

LORA_TARGETS = ("q_proj", "v_proj", "query", "value", "q_lin", "v_lin")
"""The names of the layers to which `train: lora` adds: queries and values of attention (Hu et al. 2021)."""
FEED_FORWARD = {"wavlm": ("intermediate_dense", "output_dense")}
"""Type of network -> the layers to which it adds instead, because its attention reads the weights of its layers and
does not call them."""
CONVOLUTIONS = "feature_extractor"
"""The name of the convolutions of wav2vec 2.0 and its like."""
STAGE = re.compile(r"layer(\d)\.")
"""The beginning of the names of a ResNet's parameters in its stages 1 to 4."""


@dataclass(frozen=True)
class TrainedParameter:
    """A parameter that is trained.

    Attributes:
        name: its name in the encoder.
        below_top: the number of layers between it and the last one: 0 for the last block and what follows it. Of a
            ResNet, stages count as layers.
        decays: whether weight decay applies: not to biases and to the scales of normalisations.
    """

    name: str
    parameter: nn.Parameter
    below_top: int
    decays: bool


def select(body: nn.Module, section: Input, training: EncoderTraining) -> list[TrainedParameter]:
    """Return the parameters of an encoder that are trained; the others get no gradient from then on.

    Raises:
        MissingPackage: `train: lora` needs peft.
        ValueError: the encoder has fewer layers than are to be trained, or none that `lora` adds to.
    """
    if section.modality == "video":
        return _select_stages(body, section)
    fixed = {id(p) for p in body.parameters() if not p.requires_grad}  # Whisper's positions are no weights
    for parameter in body.parameters():
        parameter.requires_grad_(False)
    last = _last_block(body, section)
    if section.train == "lora":
        _add_lora(body, section, training)
    chosen = []
    for name, parameter, block in _with_blocks(body):
        below = max(0, last - block)
        if id(parameter) not in fixed and _is_trained(name, below, block, section, training, last):
            parameter.requires_grad_(True)
            chosen.append(TrainedParameter(name, parameter, below, parameter.ndim > 1))
    return chosen


def frozen_layer(body: nn.Module, section: Input, training: EncoderTraining) -> int | None:
    """Return the last layer below which nothing is trained, dropped or changed at random; None if there is none.

    Of Whisper that is a layer of the encoder; of networks that read samples it is 0, the output of their convolutions.
    """
    if training.noise or training.speed:
        return None
    if hasattr(body, CONVOLUTIONS):
        return 0 if training.freeze_convolutions or section.train != "all" else None
    if training.mask_time or training.mask_channels or section.train == "all":
        return None
    return _last_block(body, section) - section.train.top if isinstance(section.train, TopLayers) else 0


def set_modes(body: nn.Module, section: Input) -> None:
    """Put an encoder into training mode: with `{top: N}`, the frozen blocks below stay in evaluation mode.

    A ResNet stays in evaluation mode as a whole: it has no dropout, and its batch normalisation uses the running
    statistics that were published, so that the vectors of a video do not depend on others.
    """
    if section.modality == "video":
        body.eval()
        return
    if not isinstance(section.train, TopLayers):
        body.train()
        return
    body.eval()
    blocks, last = activations.blocks_of(body), _last_block(body, section)
    for block in blocks[max(0, last - section.train.top) : last]:
        block.train()


def merge_lora(body: nn.Module) -> None:
    """Add the products of `train: lora` to the weights, and remove the layers that computed them."""
    for name, module in list(body.named_modules()):
        if hasattr(module, "get_base_layer") and hasattr(module, "merge"):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(body.get_submodule(parent), child, module.get_base_layer())


def _select_stages(body: nn.Module, section: Input) -> list[TrainedParameter]:
    """The parameters of a ResNet that are trained, scales and shifts of its normalisations among them."""
    chosen, stage = [], 0
    for name, parameter in body.named_parameters():
        found = STAGE.match(name)
        stage = int(found[1]) if found else stage  # what follows the last stage belongs to it
        below = STAGES - stage
        parameter.requires_grad_(not isinstance(section.train, TopLayers) or below < section.train.top)
        if parameter.requires_grad:
            chosen.append(TrainedParameter(name, parameter, below, parameter.ndim > 1))
    return chosen


def _is_trained(name: str, below: int, block: int, section: Input, training: EncoderTraining, last: int) -> bool:
    if section.train == "lora":
        return "lora_" in name
    if block > last + 1:
        return False
    if isinstance(section.train, TopLayers):
        return below < section.train.top
    return not (training.freeze_convolutions and name.startswith(f"{CONVOLUTIONS}."))


def _with_blocks(body: nn.Module) -> Iterator[tuple[str, nn.Parameter, int]]:
    """Yield each parameter with the number of its block: 0 before the first, one more than the last after it."""
    blocks = activations.blocks_of(body)
    number = {id(p): n for n, block in enumerate(blocks or (), 1) for p in block.parameters()}
    passed = 0
    for name, parameter in body.named_parameters():
        own = number.get(id(parameter))
        passed = passed if own is None else len(blocks) + 1
        yield name, parameter, own if own is not None else passed


def _last_block(body: nn.Module, section: Input) -> int:
    """The number of the last block that is read."""
    last = max(activations.layer_numbers(body, section.layer, f"{section.location}.layer"))
    if isinstance(section.train, TopLayers) and section.train.top > last:
        raise ValueError(f"{section.location}.train: the last {section.train.top} layers, but the layer that is read "
                         f"has {last} below it")  # fmt: skip
    return last


def _add_lora(body: nn.Module, section: Input, training: EncoderTraining) -> None:
    """Replace layers of the encoder by layers with a low-rank addition."""
    names = sorted({n.rpartition(".")[2] for n, module in body.named_modules() if isinstance(module, nn.Linear)})
    wanted = FEED_FORWARD.get(body.config.model_type, LORA_TARGETS)
    targets = [name for name in names if name in wanted]
    if not targets:
        raise ValueError(f"{section.location}.train: {type(body).__name__} has none of the layers that `lora` adds to: "
                         f"{', '.join(wanted)}; use `all` or `{{top: N}}`")  # fmt: skip
    peft = _peft(section)
    config = peft.LoraConfig(r=training.lora_rank, lora_alpha=training.lora_alpha, target_modules=targets)
    peft.inject_adapter_in_model(config, body)


def _peft(section: Input) -> Any:
    try:
        import peft
    except ImportError:
        raise MissingPackage(f"{section.location}.train: `lora` needs the extra `lora`: "
                             'pip install -c constraints.txt -e ".[lora]"') from None  # fmt: skip
    return peft
