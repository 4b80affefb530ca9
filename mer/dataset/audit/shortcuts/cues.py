"""The list of shortcuts: cues that should not predict emotion, with the columns of each and advice."""

from dataclasses import dataclass

from mer.dataset.audit.measures import noise_floor, sample_values

TREE, LINEAR, RULE = "tree", "linear", "rule"


@dataclass(frozen=True)
class Shortcut:
    """A cue that predicts the class only if the corpus was made so that it does.

    Attributes:
        name: the name of the cue in tables.
        columns: the measures that a model reads; of a rule, the one column that it looks up.
        learner: a shallow tree, a linear model, or a rule that predicts the most frequent training emotion of a value.
        may_reflect_emotion: whether emotion itself may change the cue; a score slightly above chance is then no fault.
        description: the cue in a few words, for a sentence.
        advice: what to do if it is flagged.
    """

    name: str
    columns: tuple[str, ...]
    learner: str
    may_reflect_emotion: bool
    description: str
    advice: str


EDGES = ("lead_still_s", "trail_still_s", "click_db")
STEPS = tuple(column for column in sample_values.COLUMNS if column.startswith("st"))
SHORTCUTS = (
    Shortcut("duration", ("seconds",), TREE, True, "the length of a clip",
             "crop or window all clips to one length and score again; the difference is due to length."),
    Shortcut("loudness", ("level_db", "peak_db"), TREE, True, "the level of the speech",
             "find out how gain was set. Some emotions are louder, but if the gain differed between clips, normalise "
             "all clips to one level and score again."),
    Shortcut("dynamics", ("spread_db", "crest_db"), TREE, True, "how much the level varies within a clip",
             "find out whether some emotions were compressed, or processed otherwise."),
    Shortcut("silence", ("lead_s", "trail_s", "pauses"), TREE, True, "the silence before, after and between the words",
             "remove the silence at both ends and score again; the difference is due to how files were cut."),
    Shortcut("recording", ("noise_db", "bandwidth_hz", "rate_hz", "channels", "clipped", "dc"), TREE, True,
             "how a clip was recorded (noise, bandwidth, sampling rate, channels, clipping and offset)",
             "find out which emotions were recorded in another place or way; do not score within the corpus only."),
    Shortcut("file", ("rate_hz", "channels", "sample_bits", "coding", "extra_bytes"), TREE, False,
             "the file's format (sampling rate, channels, sample width, coding, length of its header)",
             "find out which files were made in another way, and convert all sources to one format."),
    Shortcut("samples", ("bits", "comb", "dc"), TREE, False,
             "the quantisation of samples (bits in use, values left out by scaling, offset)",
             "find out which files were requantised, scaled or copied from another source; add dither to all and "
             "remove the offset."),
    Shortcut("fades", STEPS, TREE, True,
             "how the first and last tenth of a second rise and fall (fades, cuts within words)",
             "find out how files were cut; apply the same fades to all, and score again."),
    Shortcut("edges", EDGES, TREE, False, "the first and last samples (zeros, clicks)",
             "remove a tenth of a second at both ends and score again."),
    Shortcut("stereo", ("weakest_db", "alike", "downmix_db"), TREE, False, "how the channels differ",
             "use the same channel of every file."),
    Shortcut("hum", noise_floor.HUM, LINEAR, False, "steady tones below 500 Hz (mains, fans)",
             "find out which sessions had them; remove low frequencies from all clips, score again, and report both."),
    Shortcut("tones", noise_floor.LINES, LINEAR, False, "steady tones and notches from 500 to 8,000 Hz",
             "find out which sessions had them; filter them from all clips, score again, and report both."),
    Shortcut("noise floor", noise_floor.SHAPE, LINEAR, False,
             "the spectrum of the pauses (room, microphone, equaliser, codec)",
             "find out which emotions were recorded in another place or processed in another way; rely on scores "
             "across corpora only."),
    Shortcut("non-speech", (*noise_floor.SHAPE, *noise_floor.HUM), LINEAR, False, "the noise and hum between speech",
             "find out how recordings differ, because a model may learn the channel; rely on scores across "
             "corpora only."),
    Shortcut("sentence", ("sentence",), RULE, True, "which sentence is spoken",
             "test on sentences that training does not contain (splits.text_disjoint), or on those of all emotions."),
    Shortcut("speaker", ("speaker_id",), RULE, True, "who speaks",
             "split by speaker; if the split is published, report the score of the speaker alone next to each number."),
    Shortcut("corpus", ("corpus",), RULE, True, "which corpus a clip is from",
             "do not pool corpora into one score; score each corpus and take the mean."),
)  # fmt: skip
BY_NAME = {shortcut.name: shortcut for shortcut in SHORTCUTS}
MEASURED = tuple(dict.fromkeys(column for s in SHORTCUTS if s.learner != RULE for column in s.columns))
"""The columns of `measure_recordings` that shortcuts read."""
