"""Augmentation of batches of training recordings, for networks that are trained on waveforms."""

from collections.abc import Sequence

import numpy as np

from mer.media.augmentation import recipes
from mer.params.augmentation import Augmentation


def augment_batch(
    samples: Sequence[np.ndarray],
    section: Augmentation,
    names: Sequence[str],
    epoch: int,
    speakers: Sequence[str] | None = None,
    classes: Sequence[object] | None = None,
) -> list[np.ndarray]:
    """Return an altered copy of each recording of a batch; partners are other recordings of the same batch.

    All recordings of a batch must be training rows, so that nothing else can enter a mixture. The same batch gives the
    same copies in the same epoch.

    Args:
        samples: each of shape (n,), at 16 kHz, in about [-1, 1].
        section: the section `augmentation`; `variants` does not matter.
        names: the name of each recording, such as its utterance id.
        epoch: number of the epoch.
        speakers, classes: those of each recording; without them there is no copy-paste.

    Returns:
        float32 arrays of shape (n,), whose lengths may differ from before. A recording is unchanged if only alterations
        with partners are stated and there is none.
    """
    by_name = dict(zip(names, samples, strict=True))
    groups: list[object] = [None] * len(names)
    if speakers is not None and classes is not None:
        groups = list(zip(speakers, classes, strict=True))
    ordered = sorted(by_name)
    altered = []
    for name, group, own in zip(names, groups, samples, strict=True):
        same = [n for n, other in zip(names, groups, strict=True) if group is not None and other == group]
        recipe = recipes.draw(section, name, epoch, sorted(same), ordered)
        altered.append(recipes.apply(recipe, by_name.__getitem__) if recipe else own.astype(np.float32))
    return altered
