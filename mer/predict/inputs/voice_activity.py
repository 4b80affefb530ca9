"""Voice activity detection: a score for every 32 ms, from a network or from the level alone.

`silero` is the detector of the package silero-vad, a small recurrent network trained on speech of many languages.
`energy` needs no package: a window counts as speech if its level is at least 9 dB above the quietest tenth of the last
30 s. It takes other noises for speech, and misses speech in noise or over music.
"""

import math
import warnings
from collections import deque
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import numpy as np

from mer.files import MissingPackage
from mer.media.audio import RATE_HZ

WINDOW = 512
"""The number of samples of a window: 32 ms, the only size that silero accepts at 16 kHz."""
SPEECH_DB = 9.0
"""The smallest level of speech above the background, in dB."""
SILENCE_DB = -60.0
"""The largest level that is always silence, in dB of full scale."""
MIN_SCORE = 0.5
"""The smallest score of a window of speech, in [0, 1]."""
THRESHOLDS = {"silero": 0.2, "energy": MIN_SCORE}
"""The smallest score of speech in a short recording, for each detector. It is lower for silero, because it
gives cries low scores; benchmarks/predict.py has the shares of recordings without detected speech."""
MIN_SECONDS = 0.25
"""The shortest duration of speech, in seconds; a shorter one counts as noise."""
NOISE_WINDOWS = 30 * RATE_HZ // WINDOW
"""The number of windows whose quietest tenth is the background: those of the last 30 s."""
MIN_NOISE_WINDOWS = 5 * RATE_HZ // WINDOW
"""The number of windows from which the background is estimated; before, only `SILENCE_DB` counts."""

Scores = Callable[[np.ndarray], np.ndarray]
"""A function from the next windows of one recording, float32 of shape (k, WINDOW), to their scores, shape (k,), in
[0, 1]; a score of at least .5 is speech."""


def resolve(name: str) -> str:
    """Return `silero` or `energy`; `auto` becomes silero if it is installed.

    Raises:
        MissingPackage: silero is requested and not installed.
    """
    installed = find_spec("silero_vad") is not None
    if name == "silero" and not installed:
        raise MissingPackage(
            '--voice silero needs the package silero-vad: pip install -c constraints.txt -e ".[vad]", '
            "or choose --voice energy"
        )
    return name if name != "auto" else "silero" if installed else "energy"


def open_detector(name: str) -> Scores:
    """Return a detector for one recording; its scores depend on earlier windows.

    Args:
        name: `silero` or `energy`.
    """
    return _silero() if name == "silero" else _energy()


def contains_speech(samples: np.ndarray, detector: str) -> bool:
    """Return whether a short recording holds 0.25 s of speech, or half of its duration if that is shorter.

    Reading stops when enough speech has been detected.

    Args:
        samples: float32 of shape (n,), n >= 1.
        detector: `silero` or `energy`.
    """
    scores, threshold = open_detector(detector), THRESHOLDS[detector]
    windows = np.pad(samples, (0, -len(samples) % WINDOW)).reshape(-1, WINDOW)
    required, n_speech = max(1, min(round(MIN_SECONDS * RATE_HZ / WINDOW), len(windows) // 2)), 0
    for first in range(0, len(windows), RATE_HZ // WINDOW):
        n_speech += np.count_nonzero(scores(windows[first : first + RATE_HZ // WINDOW]) >= threshold)
        if n_speech >= required:
            return True
    return False


def level_db(windows: np.ndarray) -> np.ndarray:
    """Return the level of each window in dB of full scale; shape (k,)."""
    power = (windows.astype(np.float64) ** 2).mean(axis=1)
    return 10 * np.log10(np.maximum(power, 1e-12))


def _energy() -> Scores:
    recent: deque[float] = deque(maxlen=NOISE_WINDOWS)

    def scores(windows: np.ndarray) -> np.ndarray:
        levels = level_db(windows)
        recent.extend(levels)
        floor = np.quantile(recent, 0.1) if len(recent) >= MIN_NOISE_WINDOWS else -math.inf
        above = levels - max(floor, SILENCE_DB - SPEECH_DB)
        return np.clip(above / (2 * SPEECH_DB), 0.0, 1.0)

    return scores


def _silero() -> Scores:
    import torch

    network = _network()
    network.reset_states()

    def scores(windows: np.ndarray) -> np.ndarray:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # a network of this size runs slower on several threads
        try:
            with torch.inference_mode():
                return np.array([network(torch.from_numpy(window), RATE_HZ).item() for window in windows])
        finally:
            torch.set_num_threads(threads)

    return scores


@cache
def _network():
    """Return silero's network. It has a state, so it reads one recording at a time."""
    import torch

    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates the package's file format
        from silero_vad import load_silero_vad

        network = load_silero_vad()
    torch.set_num_threads(threads)  # the package sets it to 1 for the whole process
    return network
