"""Where somebody speaks: a score for every 32 ms, from a network or from loudness alone.

`silero` is the detector of the package silero-vad, a small recurrent network trained on speech of many languages.
`energy` needs no package and knows no speech: what stands at least 9 dB above the quietest tenth of the last half
minute counts. It hears a door as a word, and loses speech in noise or over music.
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
"""samples of a score: 32 ms, the only size that silero takes at 16 kHz"""
ABOVE_DB = 9.0
SILENT_DB = -60.0
"""below full scale: nobody speaks as softly as that"""
SPEECH = 0.5
"""the least score of speech"""
OF_ITSELF = {"silero": 0.2, "energy": SPEECH}
"""that of a short recording, which is there because somebody speaks in it. Silero scores cries low: at .5 it hears
nobody in 1.5 % of RAVDESS, at .2 in 0.5 %, and in noise, knocks and 95 % of plucked chords still nobody"""
LEAST_SECONDS = 0.25
"""of speech; less is a noise"""
REMEMBERED = 30 * RATE_HZ // WINDOW
"""windows of the last half minute, of which the quietest tenth is the background"""
SETTLED = 5 * RATE_HZ // WINDOW
"""windows after which there is a background to speak of"""

Scores = Callable[[np.ndarray], np.ndarray]
"""float32 of shape (k, WINDOW), the next stretch of one recording -> shape (k,) in [0, 1]; .5 and more is speech"""


def resolve(wanted: str) -> str:
    """Return `silero` or `energy`; `auto` takes silero where it is installed.

    Raises:
        MissingPackage: it is asked for and missing.
    """
    there = find_spec("silero_vad") is not None
    if wanted == "silero" and not there:
        raise MissingPackage('--voice silero needs its package: pip install -c constraints.txt -e ".[vad]", or energy')
    return wanted if wanted != "auto" else "silero" if there else "energy"


def begin(detector: str) -> Scores:
    """Return a detector for one recording: it remembers what came before.

    Args:
        detector: `silero` or `energy`.
    """
    return _silero() if detector == "silero" else _energy()


def somebody(samples: np.ndarray, detector: str) -> bool:
    """Return whether a short recording holds a quarter of a second of speech, or half of it where it is shorter.

    No more is listened to than it takes.

    Args:
        samples: float32 of shape (n,), n >= 1.
        detector: `silero` or `energy`.
    """
    scores, least = begin(detector), OF_ITSELF[detector]
    windows = np.pad(samples, (0, -len(samples) % WINDOW)).reshape(-1, WINDOW)
    wanted, found = max(1, min(round(LEAST_SECONDS * RATE_HZ / WINDOW), len(windows) // 2)), 0
    for first in range(0, len(windows), RATE_HZ // WINDOW):
        found += np.count_nonzero(scores(windows[first : first + RATE_HZ // WINDOW]) >= least)
        if found >= wanted:
            return True
    return False


def level_db(windows: np.ndarray) -> np.ndarray:
    """Return the level of each window in dB below full scale; shape (k,)."""
    power = (windows.astype(np.float64) ** 2).mean(axis=1)
    return 10 * np.log10(np.maximum(power, 1e-12))


def _energy() -> Scores:
    heard: deque[float] = deque(maxlen=REMEMBERED)

    def scores(windows: np.ndarray) -> np.ndarray:
        levels = level_db(windows)
        heard.extend(levels)
        floor = np.quantile(heard, 0.1) if len(heard) >= SETTLED else -math.inf
        above = levels - max(floor, SILENT_DB - ABOVE_DB)
        return np.clip(above / (2 * ABOVE_DB), 0.0, 1.0)

    return scores


def _silero() -> Scores:
    import torch

    network = _network()
    network.reset_states()

    def scores(windows: np.ndarray) -> np.ndarray:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for so small a network others would wait for each other most of the time
        try:
            with torch.inference_mode():
                return np.array([network(torch.from_numpy(window), RATE_HZ).item() for window in windows])
        finally:
            torch.set_num_threads(threads)

    return scores


@cache
def _network():
    """Silero's; of one recording at a time, as it remembers."""
    import torch

    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have another format than the package's
        from silero_vad import load_silero_vad

        network = load_silero_vad()
    torch.set_num_threads(threads)  # the package sets it to 1 for everybody
    return network
