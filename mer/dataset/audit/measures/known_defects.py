"""Clips that are known to be broken, and who reported it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from mer.dataset.audit.copies.repeated_recordings import MEDIA
from mer.dataset.audit.findings import WARNING, Finding, examples

SOUND, TEXT = "sound", "text"


@dataclass(frozen=True)
class Defect:
    """Something that others found.

    Attributes:
        names: names of utterances within the corpus; one that ends in * stands for all that begin so.
        of: whether it concerns the recording or the transcript; a row without that is spared.
        suffixes: of the files that are concerned; none: all.
    """

    corpus: str
    names: tuple[str, ...]
    of: str
    what: str
    reference: str
    suffixes: tuple[str, ...] = ()


_MELD, _MOSEI, _ESD = "declare-lab/MELD", "A2Zadeh/CMU-MultimodalSDK", "HLTSingapore/Emotional-Speech-Data"
DEFECTS = (
    Defect("aesdd", ("s05 (3)",), SOUND, "no samples in the published copy", "Strong-AI-Lab/emotion, datasets/AESDD"),
    Defect("cremad", ("1076_MTI_SAD_XX",), SOUND, "silent", "CheyneyComputerScience/CREMA-D issue 8"),
    Defect("cremad", ("1064_IEO_DIS_MD",), SOUND, "a minute long, with all emotions in it",
           "CheyneyComputerScience/CREMA-D issue 8", (".mp3", ".flv")),
    Defect("cremad", ("1064_TIE_SAD_XX", "1076_MTI_NEU_XX"), SOUND, "empty or without sound, unlike the WAV file",
           "CheyneyComputerScience/CREMA-D issue 8", (".mp3", ".flv")),
    Defect("emovdb", ("bea_anger_309-336_0322",), TEXT, "the recording is of another sentence (unsorted release)",
           "numediart/EmoV-DB issue 2"),
    Defect("esd", ("0015_000137", "0015_000138", "0015_000175", "0015_000187", "0015_000217", "0015_000668",
                   "0015_000690", "0015_000875", "0015_001015", "0015_001531", "0015_001578"), TEXT,
           "a faulty line in the speaker's list", f"{_ESD} issue 3; Strong-AI-Lab/emotion, datasets/ESD"),
    Defect("esd", ("0012_001355", "0013_000431", "0013_000914", "0014_001590"), TEXT,
           "a faulty line in the speaker's list", "Strong-AI-Lab/emotion, datasets/ESD"),
    Defect("meld", ("train_dia125_utt3",), SOUND, "the video is damaged", f"{_MELD} issues 39, 52"),
    Defect("meld", ("test_dia38_utt4", "test_dia220_utt0", "train_dia309_utt0"), SOUND,
           "cut wrongly: 305, 235 and 41 s of the episode", f"{_MELD} issue 20"),
    Defect("meld", ("train_dia485_utt0",), SOUND, "a long clip with a few words of text", f"{_MELD} issue 9"),
    Defect("meld", ("train_dia793_utt0", "train_dia164_utt5", "train_dia682_utt1", "train_dia529_utt2",
                    "train_dia1029_utt1", "train_dia1008_utt1"), SOUND, "bursts of noise", f"{_MELD} issue 9"),
    Defect("meld", ("train_dia241_utt*", "train_dia757_utt7"), SOUND, "sound and text are not of the same line",
           f"{_MELD} issue 9"),
    Defect("meld", ("train_dia309_utt0",), TEXT, "a stage direction among the words", f"{_MELD} issue 20"),
    Defect("mosei", ("hh04W3xXa5s_*",), SOUND, "times do not fit the recording", f"{_MOSEI} issue 227"),
    Defect("mosei", ("ZZzdvUdOTww_*",), SOUND, "times do not fit the recording", f"{_MOSEI} issue 278"),
    Defect("mosei", ("-3g5yACwYnA_2", "-mJ2ud6oKI8_1"), SOUND, "times do not fit the transcript",
           f"{_MOSEI} issue 359"),
)  # fmt: skip
"""Only what a thread or another project's code names clip by clip. What is missing altogether is not listed, and what
concerns a whole corpus (sentences of MEAD, 121 texts of ShEMO) stands in its module."""


def known_findings(manifest: pd.DataFrame) -> Iterator[Finding]:
    """Yield for each corpus and defect which of the manifest's clips have it."""
    rows = manifest.reindex(columns=["utterance_id", "corpus", "source_path", "transcription"])
    rows = rows[rows["corpus"].isin([defect.corpus for defect in DEFECTS])].dropna(subset=["utterance_id"])
    path = rows["source_path"].str.lower().fillna("")
    name = rows["utterance_id"].str.rsplit("/", n=1).str[-1]
    bare = name.where(~name.str.lower().str.endswith(MEDIA), name.str.rsplit(".", n=1).str[0])
    has = {SOUND: path.str.endswith(MEDIA), TEXT: rows["transcription"].notna()}
    for defect in DEFECTS:
        hit = (rows["corpus"] == defect.corpus) & _named(bare, defect.names) & has[defect.of]
        if defect.suffixes:
            hit &= path.str.endswith(defect.suffixes)
        if hit.any():
            count, of = int(hit.sum()), int((rows["corpus"] == defect.corpus).sum())
            yield Finding(
                "known to be broken",
                WARNING,
                defect.corpus,
                count,
                of,
                examples(rows.loc[hit, "utterance_id"]),
                f"{count:,} of {of:,} clips: {defect.what} ({defect.reference}).",
                "the label was given to something else than what a model meets there.",
                "leave them out of training; in a published test part say so beside the score.",
            )


def _named(names: pd.Series, wanted: tuple[str, ...]) -> pd.Series:
    beginnings = tuple(name[:-1] for name in wanted if name.endswith("*"))
    return names.isin(wanted) | (names.str.startswith(beginnings) if beginnings else False)
