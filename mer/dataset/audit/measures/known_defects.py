"""Known defects: clips that others have reported as broken."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from mer.dataset.audit.findings import WARNING, Finding, examples
from mer.dataset.audit.recording_paths import MEDIA_SUFFIXES

AUDIO, TEXT = "audio", "text"


@dataclass(frozen=True)
class Defect:
    """A defect that others have reported.

    Attributes:
        names: names of utterances within the corpus; a name that ends in * stands for all names that begin so.
        applies_to: the recording (`AUDIO`) or the transcript (`TEXT`); rows without it are not affected.
        description: the defect in a few words.
        reference: the thread or repository that reports it.
        suffixes: the file suffixes that are affected; empty for all.
    """

    corpus: str
    names: tuple[str, ...]
    applies_to: str
    description: str
    reference: str
    suffixes: tuple[str, ...] = ()


_MELD, _MOSEI, _ESD = "declare-lab/MELD", "A2Zadeh/CMU-MultimodalSDK", "HLTSingapore/Emotional-Speech-Data"
DEFECTS = (
    Defect("aesdd", ("s05 (3)",), AUDIO, "no samples in the published copy", "Strong-AI-Lab/emotion, datasets/AESDD"),
    Defect("cremad", ("1076_MTI_SAD_XX",), AUDIO, "silent", "CheyneyComputerScience/CREMA-D issue 8"),
    Defect("cremad", ("1064_IEO_DIS_MD",), AUDIO, "a minute long, with all emotions",
           "CheyneyComputerScience/CREMA-D issue 8", (".mp3", ".flv")),
    Defect("cremad", ("1064_TIE_SAD_XX", "1076_MTI_NEU_XX"), AUDIO, "empty or silent, unlike the WAV file",
           "CheyneyComputerScience/CREMA-D issue 8", (".mp3", ".flv")),
    Defect("emovdb", ("bea_anger_309-336_0322",), TEXT, "the recording has another sentence (unsorted release)",
           "numediart/EmoV-DB issue 2"),
    Defect("esd", ("0015_000137", "0015_000138", "0015_000175", "0015_000187", "0015_000217", "0015_000668",
                   "0015_000690", "0015_000875", "0015_001015", "0015_001531", "0015_001578"), TEXT,
           "a faulty line in the speaker's list", f"{_ESD} issue 3; Strong-AI-Lab/emotion, datasets/ESD"),
    Defect("esd", ("0012_001355", "0013_000431", "0013_000914", "0014_001590"), TEXT,
           "a faulty line in the speaker's list", "Strong-AI-Lab/emotion, datasets/ESD"),
    Defect("meld", ("train_dia125_utt3",), AUDIO, "the video is damaged", f"{_MELD} issues 39, 52"),
    Defect("meld", ("test_dia38_utt4", "test_dia220_utt0", "train_dia309_utt0"), AUDIO,
           "segmented wrongly: 305, 235 and 41 s of the episode", f"{_MELD} issue 20"),
    Defect("meld", ("train_dia485_utt0",), AUDIO, "a long clip with a few words of text", f"{_MELD} issue 9"),
    Defect("meld", ("train_dia793_utt0", "train_dia164_utt5", "train_dia682_utt1", "train_dia529_utt2",
                    "train_dia1029_utt1", "train_dia1008_utt1"), AUDIO, "bursts of noise", f"{_MELD} issue 9"),
    Defect("meld", ("train_dia241_utt*", "train_dia757_utt7"), AUDIO, "audio and text belong to different sentences",
           f"{_MELD} issue 9"),
    Defect("meld", ("train_dia309_utt0",), TEXT, "a stage direction in the text", f"{_MELD} issue 20"),
    Defect("mosei", ("hh04W3xXa5s_*",), AUDIO, "times do not fit the recording", f"{_MOSEI} issue 227"),
    Defect("mosei", ("ZZzdvUdOTww_*",), AUDIO, "times do not fit the recording", f"{_MOSEI} issue 278"),
    Defect("mosei", ("-3g5yACwYnA_2", "-mJ2ud6oKI8_1"), AUDIO, "times do not fit the transcript",
           f"{_MOSEI} issue 359"),
)  # fmt: skip
"""The clips that a thread or another project's code names one by one. Missing clips are not listed. Defects of a whole
corpus (sentences of MEAD, 121 texts of ShEMO) are documented in its module."""


def known_defect_findings(manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield the affected clips of the manifest for each defect."""
    rows = manifest.reindex(columns=["utterance_id", "corpus", "source_path", "transcription"])
    rows = rows[rows["corpus"].isin([defect.corpus for defect in DEFECTS])].dropna(subset=["utterance_id"])
    path = rows["source_path"].str.lower().fillna("")
    name = rows["utterance_id"].str.rsplit("/", n=1).str[-1]
    stem = name.where(~name.str.lower().str.endswith(MEDIA_SUFFIXES), name.str.rsplit(".", n=1).str[0])
    present = {AUDIO: path.str.endswith(MEDIA_SUFFIXES), TEXT: rows["transcription"].notna()}
    for defect in DEFECTS:
        affected = (rows["corpus"] == defect.corpus) & _named(stem, defect.names) & present[defect.applies_to]
        if defect.suffixes:
            affected &= path.str.endswith(defect.suffixes)
        if affected.any():
            count, total = int(affected.sum()), int((rows["corpus"] == defect.corpus).sum())
            yield Finding(
                "known defect",
                WARNING,
                defect.corpus,
                count,
                total,
                examples(rows.loc[affected, "utterance_id"]),
                f"{count:,} of {total:,} clips: {defect.description} ({defect.reference}).",
                "the label does not describe the recording or text that models get.",
                "leave them out of training; for a published test part, report this next to the score.",
            )


def _named(names: pd.Series, patterns: tuple[str, ...]) -> pd.Series:
    beginnings = tuple(name[:-1] for name in patterns if name.endswith("*"))
    return names.isin(patterns) | (names.str.startswith(beginnings) if beginnings else False)
