"""Encoders in training: from recordings, texts or faces to vectors with gradients, and back to a folder."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mer import tensor_files
from mer.features.audio import encoder as audio_encoder
from mer.features.encoder_items import EncoderItems
from mer.features.extractor import Unavailable
from mer.features.pretrained import activations, batches, loading, locations
from mer.features.pretrained.audio import audio_networks, waves
from mer.features.pretrained.audio.frozen_frames import FrozenFrames
from mer.features.text import encoder as text_encoder
from mer.params.features import AudioFeatures, Input, TextFeatures
from mer.params.systems import EncoderTraining
from mer.training.finetune import augmentation, pooling, selection
from mer.training.finetune.video_encoder import VideoEncoder

if TYPE_CHECKING:  # its import takes seconds, and encoders of faces need none of it
    from transformers import PreTrainedModel

UNLIMITED = 2**62
"""The budget of a batch in training, where `accumulation` bounds the memory."""
FRAME_SAMPLES = 320
"""The number of samples per frame of Whisper and of the published networks that read samples."""


class AudioEncoder:
    """An encoder of recordings.

    Args:
        section: the parameters of the input.
        folder: the folder of the network; None for that of the parameters.
        device: cpu, cuda or mps.

    Attributes:
        padded, computed: the number of samples of padding, and of all samples, that training has computed; of frames if
            they are stored.
    """

    def __init__(self, section: AudioFeatures, folder: Path | None, device: str) -> None:
        self.section, parameter = section, f"{section.location}.model"
        self.folder = folder or locations.find(section.model, section.revision, parameter)
        self.model = _prepared(loading.network(self.folder, None, False, parameter))
        activations.shape(self.model, section.layer, f"{section.location}.layer")
        prepare = audio_networks.feature_extractor(self.folder, parameter)
        self.network = audio_networks.open_network(self.model, prepare, section, device)
        self.body, self.padded, self.computed = activations.body(self.model), 0, 0
        self._longest = audio_encoder.longest_chunk(self.network, section)
        self._frozen: FrozenFrames | None = None
        self._frozen_layer = 0
        self._vectors = audio_encoder.vector_function(self.network, section)

    def vectors(self, clips: Sequence[np.ndarray]) -> list[np.ndarray | Unavailable]:
        """Return the vectors of recordings in evaluation mode, as the extractor of the input computes them."""
        self.model.eval()
        return self._vectors(clips)

    def store_frozen(self, items: EncoderItems, rows: np.ndarray, training: EncoderTraining) -> None:
        """Compute the frames of the encoder's frozen lower part once, if training does not change what it reads.

        They are stored beside the decoded recordings, for all trainings of the same encoder.

        Args:
            rows: the rows whose frames are needed.
        """
        layer = selection.frozen_layer(self.body, self.section, training)
        able = layer is not None and hasattr(self.network, "lower_frames") and self.section.context == "clip"
        if not able or not len(rows) or items.lengths(rows).max() > self.network.longest:
            return
        decoded = items.clips.paths[0].parent
        spec = {"model": locations.digest(self.folder), "layer": layer, "decoded": decoded.name}
        store, self._frozen_layer = FrozenFrames(decoded.parent, spec), layer
        row_of = {items.keys[row]: row for row in rows}

        def frames(keys: Sequence[str]) -> list[np.ndarray]:
            clips = items.select(np.array([row_of[key] for key in keys]))
            with activations.full_precision():
                found = self.network.lower_frames([clips[n] for n in range(len(clips))], layer)
                return [one.float().cpu().numpy() for one in found]

        self.model.eval()
        store.compute(list(row_of), frames)
        self._frozen = store

    def compute_activations_twice(self) -> None:
        """Compute activations of blocks twice instead of storing them, to save memory."""
        self.model.activation_checkpointing_enable()

    def forward(
        self, clips: Sequence[np.ndarray], training: EncoderTraining, keys: Sequence[int],
        names: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        """Return vectors with gradients, float32 of shape (n, width).

        Args:
            clips: recordings, of each of which a random segment is read.
            keys: fix everything that is random for a recording.
            names: the content address of each recording, by which stored frames are found; None to compute them.
        """
        generators = [np.random.default_rng(abs(key)) for key in keys]
        if self._frozen is not None and names is not None:
            read, run = self._frozen_segments(names, generators), self._run_upper
            lengths = [len(one) for one in read]
        else:
            read = [augmentation.segment(clip, self._longest, training, generator)
                    for clip, generator in zip(clips, generators, strict=True)]  # fmt: skip
            lengths, run = [self.network.length(len(one)) for one in read], self.network.run
        vectors = [None] * len(read)
        for batch in batches.by_length(lengths, UNLIMITED, self.network.padding):
            with augmentation.mask(self.network, self.body, training, [generators[n] for n in batch]):
                states = run([read[n] for n in batch])
            self._count([lengths[n] for n in batch])
            for n, layers in zip(batch, states, strict=True):
                vectors[n] = pooling.vector(layers, self.section)
        return torch.stack(vectors).float()

    def _frozen_segments(self, names: Sequence[str], generators: Sequence[np.random.Generator]) -> list[Tensor]:
        """Random segments of stored frames, float32 of shape (n, width)."""
        longest = max(1, self._longest // FRAME_SAMPLES)
        segments = []
        for frames, random in zip(self._frozen.select(names), generators, strict=True):
            start = int(random.integers(max(0, len(frames) - longest) + 1))
            segments.append(torch.as_tensor(frames[start : start + longest].astype(np.float32)))
        return segments

    def _run_upper(self, frames: Sequence[Tensor]) -> list[list[Tensor]]:
        device = next(self.body.parameters()).device
        return self.network.run_upper([one.to(device) for one in frames], self._frozen_layer)

    def _count(self, lengths: Sequence[int]) -> None:
        packed = self.network.padding == 1.0  # recordings one after the other, without padding
        whole = sum(lengths) if packed else max(lengths) * len(lengths)
        self.padded, self.computed = self.padded + whole - sum(lengths), self.computed + whole


class TextEncoder:
    """An encoder of texts; the arguments and attributes are those of `AudioEncoder`, and lengths are tokens."""

    def __init__(self, section: TextFeatures, folder: Path | None, device: str) -> None:
        self.section, parameter = section, f"{section.location}.model"
        self.folder = folder or locations.find(section.model, section.revision, parameter)
        opened = section.model_copy(update={"model": str(self.folder), "revision": None})
        opened._name = section._name
        self.network = text_encoder.open_network(opened, device)
        self.model = _prepared(self.network.model)
        self.body, self.padded, self.computed = activations.body(self.model), 0, 0
        self._vectors = text_encoder.vector_function(self.network, section)
        self._tokens: dict[str, text_encoder.TokenSequence] = {}

    def vectors(self, texts: Sequence[str]) -> list[np.ndarray | Unavailable]:
        """Return the vectors of texts in evaluation mode, as the extractor of the input computes them."""
        self.model.eval()
        return self._vectors(texts)

    def store_frozen(self, items: EncoderItems, rows: np.ndarray, training: EncoderTraining) -> None:
        """Do nothing: texts are short."""

    def compute_activations_twice(self) -> None:
        """Compute activations of blocks twice instead of storing them, to save memory."""
        self.model.activation_checkpointing_enable()

    def forward(
        self, texts: Sequence[str], training: EncoderTraining, keys: Sequence[int],
        names: Sequence[str] | None = None,
    ) -> Tensor:  # fmt: skip
        """Return vectors with gradients, float32 of shape (n, width). Each text is tokenised once."""
        for text in texts:
            if text not in self._tokens:
                self._tokens[text] = self.network.tokens.read(text, self.section.max_tokens)
        rows, vectors = [self._tokens[text] for text in texts], [None] * len(texts)
        lengths = [len(row.ids) for row in rows]
        for batch in batches.by_length(lengths, UNLIMITED):
            pooled = self.network.pooled([rows[n] for n in batch], self.section.pooling).flatten(1)
            whole, used = max(lengths[n] for n in batch) * len(batch), sum(lengths[n] for n in batch)
            self.padded, self.computed = self.padded + whole - used, self.computed + whole
            for n, vector in zip(batch, pooled, strict=True):
                vectors[n] = vector
        return torch.stack(vectors).float()


Encoder = AudioEncoder | TextEncoder | VideoEncoder
KINDS = {"audio": AudioEncoder, "text": TextEncoder, "video": VideoEncoder}
"""Modality -> the class of its encoders."""


def open_encoder(section: Input, folder: Path | None, device: str) -> Encoder:
    """Return the encoder of an input.

    Args:
        folder: the folder of its network; None for that of the parameters.

    Raises:
        NetworkNotFound, WeightMismatch, ValueError: of `mer.features.pretrained`.
        NoWeights: of `mer.features.video`.
    """
    return KINDS[section.modality](section, folder, device)


def trained_parameters(encoder: Encoder, item: Any, training: EncoderTraining) -> list[selection.TrainedParameter]:
    """Prepare an encoder for training, and return the parameters that are trained.

    Parameters on which the vectors do not depend, such as those of blocks above the layer that is read, are left out.

    Args:
        item: any recording, text or faces of a video.
        training: the parameters of training; torch's generator draws the initial additions of `train: lora`.

    Raises:
        MissingPackage: `train: lora` needs peft.
    """
    chosen = selection.select(encoder.body, encoder.section, training)
    if training.gradient_checkpointing:
        encoder.compute_activations_twice()
    encoder.model.eval()
    vector = encoder.forward([item], training.model_copy(update={"mask_time": 0.0, "mask_channels": 0.0}), [0])
    gradients = torch.autograd.grad(vector.sum(), [one.parameter for one in chosen], allow_unused=True)
    return [one for one, gradient in zip(chosen, gradients, strict=True) if gradient is not None]


def save(encoder: Encoder, folder: Path) -> None:
    """Write an encoder as a folder that transformers reads: its settings as they were, and its tensors.

    Of an encoder of faces, which is no network of transformers, the folder has the tensors alone, by the names of the
    initial file.

    Args:
        folder: is replaced.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in locations.SETTINGS if encoder.section.modality != "video" else ():
        if (encoder.folder / name).is_file():
            shutil.copyfile(encoder.folder / name, partial / name)
    tensor_files.write(partial / locations.WEIGHTS[0], dict(_tensors(encoder.model)), {"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _tensors(model: torch.nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors as transformers names them; of tensors with one storage, the first."""
    stored = set()
    for name, value in model.state_dict().items():
        own = value.detach().cpu().contiguous().clone()
        if value.data_ptr() not in stored:
            yield name.replace(waves.WRAPPED, ""), own
        stored.add(value.data_ptr())


def _prepared(model: "PreTrainedModel") -> "PreTrainedModel":
    """Leave masks to `augmentation`, drop no layers, which would have no gradient, and keep nothing for generation."""
    changes = {"apply_spec_augment": False, "layerdrop": 0.0, "encoder_layerdrop": 0.0, "use_cache": False}
    for name, value in changes.items():
        if hasattr(model.config, name):
            setattr(model.config, name, value)
    return model
