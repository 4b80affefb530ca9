"""The published checkpoints of the paper as a model folder, with which `mer.predict` predicts.

The files are those that github.com/SMIL-SPCRAS/MER (@ 75ae4e4) links to: a fusion network, and the tensors of the three
networks whose features it reads. The folder holds the fusion network; its card names the other files.

The files themselves were not available when this was written: names and shapes of tensors, the formulas and the
extraction are those of the published code (`src/inference.py`, `src/models/architectures.py`). What differs here on
purpose is at the top of `params/paper.yaml`. The published face detectors (YOLOv8 and RetinaFace) are not part of MER.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer import features, files
from mer.corpora import CORPORA, closest_id
from mer.corpora.corpus import plain
from mer.corpora.reading.columns import EMOTION_NAMES
from mer.features import Resources, network_origins, registry
from mer.params.features import Input, Transcripts, read_inputs
from mer.params.schema import Data, Training
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card, CheckpointError
from mer.training.checkpoints.folder import CARD
from mer.training.scaling.standardise import Standardiser

AUDIO_NETWORK = "DunnBC22/wav2vec2-base-Speech_Emotion_Recognition"
TEXT_NETWORK = "j-hartmann/emotion-english-distilroberta-base"
"""The public networks whose configuration and tokenizer the published weights need."""
TEXT_CORPORA = ("meld",)
"""The corpora that the text network had been trained on before (its model card, commit ab82646)."""


@dataclass(frozen=True)
class PublishedFiles:
    """The files of a published model. Paths are relative to the current folder.

    Attributes:
        fusion, audio, video, text: checkpoints of torch: `fusion.pth`, `audio.pth`, `text.pth`, and `video.pth` or
            `FER_static_ResNet50_AffectNet.pt`, which the published scripts load.
        audio_network, text_network: folders of the networks that `audio` and `text` were tuned from, or their names
            on the Hugging Face hub.
    """

    fusion: Path
    audio: Path
    video: Path
    text: Path
    audio_network: str = AUDIO_NETWORK
    text_network: str = TEXT_NETWORK

    @property
    def weights(self) -> dict[str, Path]:
        """The name of each file here -> its path."""
        return {"fusion": self.fusion, "audio": self.audio, "video": self.video, "text": self.text}


def convert(
    published: PublishedFiles, folder: Path, trained_on: Sequence[str], classes: Sequence[str] = (),
    multi_label: bool = False,
) -> Card:  # fmt: skip
    """Write a model folder for published files, and return its card.

    Every tensor of all four files is checked. Missing inputs are zeros in prediction, as in the published ablation.

    Args:
        folder: the folder; it must not hold a model yet.
        trained_on: corpora that the fusion network or the networks behind its features were trained on.
        classes: what the logits mean, in their order; left out, the published order of seven classes.
        multi_label: whether the classes occur together, as in the weights for CMU-MOSEI.

    Raises:
        CheckpointError: a corpus or class is unknown or missing, the sizes do not fit together, or there is a model.
        ValueError: a file is damaged, holds other tensors, or more than tensors.
        OSError: a file or a network is missing.
    """
    from mer.models import published_weights

    if (folder / CARD).exists():
        raise CheckpointError(f"{files.to_root(folder)} holds a model already; choose another folder")
    corpora = _checked_corpora(published, trained_on)
    network = published_weights.load(published.fusion)
    names = _checked_classes(classes, network.classify.out_features, published)
    inputs = _inputs(published, corpora)
    specs = features.specs(inputs, Data())
    _check_widths(network.widths, specs, published)
    for one in inputs.values():
        registry.of_input(one).open(one, Resources())  # refuses tensors that do not fit
    hidden = network.classify.in_features
    card = Card(
        name=files.printable(folder.name) or "published", system="gated", model="gated", inputs=list(inputs),
        widths=dict(network.widths), layers={}, classes=names, training=_training(hidden, multi_label), features=specs,
        extraction={name: one.model_dump(mode="json") for name, one in inputs.items()},
        data=Data().model_dump(mode="json", include={"min_seconds", "max_seconds"}), corpora=corpora,
        families=sorted({CORPORA[name].family for name in corpora}), git=files.git_state(),
        encoders=network_origins.to_json(network_origins.origins(inputs, Transcripts(), specs)),
    )  # fmt: skip
    checkpoint.write(folder, _tensors(network, multi_label), card, None)
    files.write_text(folder / "README.md", _readme(card, published))
    return card


def _checked_corpora(published: PublishedFiles, trained_on: Sequence[str]) -> list[str]:
    """The ids of corpora, among them those that the files' folders name."""
    for name in trained_on:
        if name not in CORPORA:
            near = closest_id(name)
            hint = f"did you mean {near}?" if near else "other training data need not be listed"
            raise CheckpointError(f"--trained-on: {name!r} is no corpus of MER; {hint}")
    if not trained_on:
        raise CheckpointError("--trained-on: name the corpora that the files were trained on")
    spellings = {plain(text): one for one, corpus in CORPORA.items() for text in (one, *corpus.folders)}
    for path in published.weights.values():
        named = spellings.get(plain(path.resolve().parent.name.removesuffix("_encoders")))
        if named and named not in trained_on:
            raise CheckpointError(f"--trained-on: the folder of {path} names {named}, which is not listed")
    return sorted(set(trained_on))


def _checked_classes(classes: Sequence[str], count: int, published: PublishedFiles) -> list[str]:
    from mer.models.published_weights import CLASSES

    if not classes and count != len(CLASSES):
        raise CheckpointError(f"{published.fusion}: it has {count} classes, whose order is not published; give it with "
                              "--classes")  # fmt: skip
    names = [EMOTION_NAMES.get(word.lower(), word.lower()) for word in classes or CLASSES]
    if unknown := [name for name in names if name not in EMOTION_NAMES]:
        raise CheckpointError(f"--classes: {unknown[0]!r} is no emotion that MER knows")
    if len(names) != count or len(set(names)) != count:
        raise CheckpointError(f"--classes: {len(set(names))} different classes, and {published.fusion} has {count}")
    return names


def _inputs(published: PublishedFiles, corpora: list[str]) -> dict[str, Input]:
    """The inputs of params/paper.yaml with these files, in the order of the network."""
    path = {name: files.to_root(path.resolve()) for name, path in published.weights.items()}
    audio, text = (_network(name) for name in (published.audio_network, published.text_network))
    of_text = sorted({*corpora, *TEXT_CORPORA})
    return read_inputs({
        "audio": {"extractor": "encoder", "model": audio, "weights": path["audio"], "layer": "projector",
                  "pooling": "windows", "trained_on": corpora},
        "video": {"extractor": "emo_affectnet", "weights": path["video"], "pooling": "windows", "trained_on": corpora},
        "text": {"extractor": "encoder", "model": text, "weights": path["text"], "layer": "classifier.dense",
                 "pooling": "cls", "max_tokens": 512, "trained_on": of_text},
    })  # fmt: skip


def _network(name: str) -> str:
    return files.to_root(Path(name).resolve()) if Path(name).is_dir() else name


def _check_widths(widths: dict[str, int], specs: dict[str, dict], published: PublishedFiles) -> None:
    for name, width in widths.items():
        if specs[name]["width"] != width:
            raise CheckpointError(f"{published.fusion} reads {width} features of {name}, and {name} has "
                                  f"{specs[name]['width']}: the files do not belong together")  # fmt: skip


def _training(hidden: int, multi_label: bool) -> Training:
    """The published configuration, as far as it is known (`src/config.toml`)."""
    return Training(
        optimiser="adam", learning_rate=1e-4, weight_decay=1e-2, batch_size=32, epochs=300, patience=21, clip_norm=1000,
        label_smoothing=0.0, hidden=hidden, dropout=0.1, gate="softmax", missing="zeros", modality_dropout=0.0,
        targets="multi_label" if multi_label else "hard",
    )  # fmt: skip


def _tensors(network, multi_label: bool) -> dict[str, np.ndarray]:
    """The network's tensors. Its inputs are not standardised: their mean is 0 and their scale 1."""
    from mer.training.networks.trained import TrainedNetwork

    moments = {name: (np.zeros(n, np.float32), np.ones(n, np.float32)) for name, n in network.widths.items()}
    trained_classes = np.ones(network.classify.out_features, bool)
    model = TrainedNetwork(network, Standardiser(moments), trained_classes, "cpu", multi_label=multi_label)
    return checkpoint.tensors_of(model)


def _readme(card: Card, published: PublishedFiles) -> str:
    paths = "\n".join(f"- {name}: {path.name}, SHA-256 {files.digest_file(path)}" for name, path in
                      published.weights.items())  # fmt: skip
    return f"""# Model {card.name}

Published weights of Ryumina et al. (2025), Pattern Recognition Letters 190, converted for MER. They predict
{", ".join(card.classes)} from audio, video and text.

```
python -m mer.predict FILE_OR_FOLDER --model FOLDER_OF_THIS_FILE --transcribe whisper --whisper openai/whisper-base
```

{paths}

The files and networks must stay where they were; `model.json` names them. MER did not train this model: which
recordings it was trained on is unknown. Its corpora were declared as {", ".join(card.corpora)}, and its text network
had been trained on {", ".join(TEXT_CORPORA)}, too. Probabilities are not calibrated, and there are no value ranges that
could mark unusual inputs. A missing input is replaced by zeros.

Faces are detected by another detector than in the published code, one face is followed instead of averaging all faces
of a frame, and frames are sampled by time. Predictions can therefore differ from those of the published code.
"""
