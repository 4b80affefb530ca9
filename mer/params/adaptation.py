"""The kinds of `training.adaptation`: the one list of them, and what each reads."""

from typing import Literal, get_args

Adaptation = Literal["none", "prior_em", "prior_bbse", "gaussians", "speaker_gaussians", "speaker_clusters"]
"""The kinds."""
BY_PRIOR = ("prior_em", "prior_bbse")
"""The kinds that adapt to the shares of the classes. The others expect every class among the rows."""
BY_SPEAKER = ("speaker_gaussians", "speaker_clusters")
"""The kinds that adapt to each speaker. The others adapt to each corpus."""
OF_VECTORS = ("gaussians", "speaker_gaussians")
"""The kinds that read vectors beside predictions, in a number of steps that is chosen."""
OF_PREDICTIONS = tuple(kind for kind in get_args(Adaptation) if kind not in OF_VECTORS)
"""The kinds that read predictions only, so that vectors may change in training."""
