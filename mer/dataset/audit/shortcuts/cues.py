"""Cues that should say nothing about emotions, as one `Shortcut` each: what a model is shown, and what to do."""

from dataclasses import dataclass

from mer.dataset.audit.measures import noise_floor, sample_values

TREE, LINEAR, RULE = "tree", "linear", "rule"


@dataclass(frozen=True)
class Shortcut:
    """A cue that says nothing about emotions, unless the corpus was made so that it does.

    Attributes:
        columns: what is seen of a recording; of a rule the one column that it looks up.
        learner: a shallow tree, a linear model, or a rule: the most frequent training emotion of that value.
        natural: whether an emotion itself may change the cue, so that a little above chance is no fault of the corpus.
        what: in a sentence.
        advice: what to do where it is flagged.
    """

    name: str
    columns: tuple[str, ...]
    learner: str
    natural: bool
    what: str
    advice: str


EDGES, STEPS = (
    ("lead_still_s", "trail_still_s", "click_db"),
    tuple(c for c in sample_values.COLUMNS if c.startswith("st")),
)


SHORTCUTS = (
    Shortcut("duration", ("seconds",), TREE, True, "the length of a clip",
             "crop or window all clips to one length and score again; what is lost was not about emotion."),
    Shortcut("loudness", ("level_db", "peak_db"), TREE, True, "the level of the speech",
             "find out how gain was set, as people are louder in some emotions; where it was not the same for all, "
             "bring them to one level and score again."),
    Shortcut("dynamics", ("spread_db", "crest_db"), TREE, True, "how much the level varies within a clip",
             "find out whether some emotions were compressed, or processed otherwise."),
    Shortcut("silence", ("lead_s", "trail_s", "pauses"), TREE, True, "the silence before, after and between the words",
             "cut the silence off both ends and score again; what is lost was in how files were cut."),
    Shortcut("recording", ("noise_db", "bandwidth_hz", "rate_hz", "channels", "clipped", "dc"), TREE, True,
             "how a clip was recorded (noise, bandwidth, sampling rate, channels, clipping and offset)",
             "find out which emotions were recorded elsewhere or otherwise; do not score within the corpus alone."),
    Shortcut("file", ("rate_hz", "channels", "sample_bits", "coding", "extra_bytes"), TREE, False,
             "the file's format (sampling rate, channels, sample width, coding, length of its header)",
             "find out which files were made otherwise, and bring all from their sources to one format."),
    Shortcut("samples", ("bits", "comb", "dc"), TREE, False,
             "how samples were counted (bits in use, values left out by scaling, offset)",
             "find out which files were requantised, scaled or copied from elsewhere; add dither to all, and take the "
             "offset off."),
    Shortcut("fades", STEPS, TREE, True,
             "how the first and last tenth of a second rise and fall (fades, cuts within words)",
             "find out how files were cut; fade all in and out alike, and score again."),
    Shortcut("edges", EDGES, TREE, False, "the first and last samples (zeros, clicks)",
             "cut a tenth of a second off both ends and score again."),
    Shortcut("stereo", ("weakest_db", "alike", "downmix_db"), TREE, False, "how the channels differ",
             "take the same channel of every file."),
    Shortcut("hum", noise_floor.HUM, LINEAR, False, "steady tones below 500 Hz (mains, fans)",
             "find out which sessions had them; take the low end off all clips, score again, and report both."),
    Shortcut("tones", noise_floor.LINES, LINEAR, False, "steady tones and notches from 500 to 8,000 Hz",
             "find out which sessions had them; filter them out of all clips, score again, and report both."),
    Shortcut("noise floor", noise_floor.SHAPE, LINEAR, False,
             "the spectrum of the pauses (room, microphone, equaliser, codec)",
             "find out which emotions were recorded elsewhere or processed otherwise; believe scores across corpora "
             "only."),
    Shortcut("non-speech", (*noise_floor.SHAPE, *noise_floor.HUM), LINEAR, False, "what is left where nobody speaks",
             "a model may learn the channel: find out how recordings differ; believe scores across corpora only."),
    Shortcut("sentence", ("sentence",), RULE, True, "which sentence is spoken",
             "score on sentences that training does not have (splits.text_disjoint), or on those of all emotions."),
    Shortcut("speaker", ("speaker_id",), RULE, True, "who speaks",
             "split by speaker; where the split is published, say what speakers alone score beside every number."),
    Shortcut("corpus", ("corpus",), RULE, True, "which corpus a clip is from",
             "do not pool corpora into one score; score each one by itself and take the mean."),
)  # fmt: skip
BY_NAME = {shortcut.name: shortcut for shortcut in SHORTCUTS}
MEASURED = tuple(dict.fromkeys(column for s in SHORTCUTS if s.learner != RULE for column in s.columns))
"""columns of `listen` that are looked at"""
