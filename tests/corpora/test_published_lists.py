"""Corpora whose labels are in lists, compared with public repositories (published_lists.py)."""

import ast
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mer.corpora import CORPORA, Problem, parsers
from mer.corpora.parsers.mosei_lists import SCORES
from tests.corpora.published_lists import (
    SPLITS,
    Known,
    Row,
    check,
    clone,
    copy,
    emobox,
    emotion_name,
    git,
    lay_out,
    needs_lists,
    table,
    table_of,
    tracked,
)

pytestmark = needs_lists

MELD_PLACES = {"train": "train/train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
MELD_WITHOUT_CLIP = {"train_dia125_utt3", "dev_dia110_utt7"}
IEMOCAP_NOUNS = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
    "xxx": "no agreement",
}
IEMOCAP_CODES = {noun: code for code, noun in IEMOCAP_NOUNS.items()}
IEMOCAP_VOTES = {
    "angry": ("ang", "Anger"),
    "disgust": ("dis", "Disgust"),
    "excited": ("exc", "Excited"),
    "fear": ("fea", "Fear"),
    "frustrated": ("fru", "Frustration"),
    "happy": ("hap", "Happiness"),
    "neutral": ("neu", "Neutral"),
    "sad": ("sad", "Sadness"),
    "surprise": ("sur", "Surprise"),
}
"""EMO-SUPERB's columns -> label and the raters' word"""
SMOOTHING = 0.05
MOSEI_SPLITS = {"0": "train", "1": "validation", "2": "test", "3": None}


@dataclass(frozen=True)
class Turn:
    """A turn of IEMOCAP as the lists have it."""

    name: str
    label: str
    start: float
    end: float
    votes: tuple[str, ...] = ()
    """labels"""

    @property
    def path(self) -> str:
        return f"Session{self.name[4]}/sentences/wav/{self.name.rsplit('_', 1)[0]}/{self.name}.wav"


def test_lists_of_meld_are_read(tmp_path):
    folder, rows = tmp_path / "MELD", []
    clips = {row.path: row for row in emobox("meld")}
    lay_out(folder, clips)
    for split, place in MELD_PLACES.items():
        name = f"{split}_sent_emo.csv"
        copy(clone("MELD", "data", "MELD", name), folder / name)
        for line in table_of("MELD", "data", "MELD", name):
            clip = f"{place}/dia{line['Dialogue_ID']}_utt{line['Utterance_ID']}.mp4"
            row = clips.pop(clip, Row(name, emotion_name(line["Emotion"])))
            rows.append(replace(row, speaker=line["Speaker"].strip(), split=SPLITS[split]))
    assert clips == {}
    result = check("meld", tmp_path, rows)
    assert {row.name for row in result if not row.has_recording} == MELD_WITHOUT_CLIP


def test_lists_of_emorynlp_are_read(tmp_path):
    listed, published = {}, {}
    for split, theirs in {"train": "trn", "dev": "dev", "test": "tst"}.items():
        name = f"emorynlp_{split}_final.csv"
        copy(clone("MELD", "data", "emorynlp", name), tmp_path / "EmoryNLP" / name)
        for row in table_of("MELD", "data", "emorynlp", name):
            scene = f"s{int(row['Season']):02}_e{int(row['Episode']):02}_c{int(row['Scene_ID']):02}"
            outcome = (SPLITS[split], row["Emotion"], ast.literal_eval(row["Speaker"]), row["Utterance"].strip())
            listed[f"{scene}_u{int(row['Utterance_ID']):03}"] = outcome
        path = clone("emotion-detection", "json") / f"emotion-detection-{theirs}.json"
        for episode in json.loads(path.read_text(encoding="utf-8"))["episodes"] if path.exists() else ():
            for line in (line for scene in episode["scenes"] for line in scene["utterances"]):
                outcome = (SPLITS[split], line["emotion"], line["speakers"], line["transcript"].strip())
                published[line["utterance_id"]] = outcome
    corpus = CORPORA["emorynlp"]
    rows = list(parsers.parse(corpus, tmp_path, tmp_path / "EmoryNLP"))
    assert not [row for row in rows if isinstance(row, Problem)]
    result = {
        row.name: (row.split_official, row.emotion_raw, row.speaker.split(" and "), row.transcription) for row in rows
    }
    both = result.keys() & published.keys()
    wrong = {name for name in result.keys() | listed.keys() if result.get(name) != listed.get(name)}
    wrong |= {name for name in both if result[name] != published[name]}
    print(f"emorynlp: {len(listed)} listed, {len(rows)} utterances, {len(wrong)} mismatches; {len(both)} in the json")
    assert wrong == set()
    assert Counter(row.emotion_raw for row in rows) == corpus.expected_counts


def test_iemocap_agrees_with_emobox(tmp_path):
    # the list's speaker is who wears the markers; who speaks is the letter before the number
    rows = [replace(row, speaker=Path(row.path).stem[:5] + Path(row.path).stem[-4]) for row in emobox("iemocap")]
    turns = [Turn(Path(row.path).stem, IEMOCAP_CODES[row.emotion], i, i + 1) for i, row in enumerate(rows)]
    assert [row.path for row in rows] == [turn.path for turn in turns]
    lay_out(tmp_path / "IEMOCAP", (row.path for row in rows))
    write_evaluations(tmp_path / "IEMOCAP", turns)
    check("iemocap", tmp_path, rows, Known(absent=None))
    assert len(rows) == 5531


def test_lists_of_iemocap_are_read(tmp_path):
    rated = table_of("EMO-SUPERB-submission", "data", "IEMOCAP", "Secondary", "labels_consensus_1.csv")
    raters = {Path(row["FileName"]).stem: row for row in rated}
    rows, turns = [], []
    for line in table_of("Speech_Emotion_Recognition", "data", "pre-processed", "df_iemocap.csv"):
        name, label, times = line["wav_file"], line["emotion"], (float(line["start_time"]), float(line["end_time"]))
        rating = raters.pop(name)
        turns.append(Turn(name, label, *times, votes(rating)))
        speaker, gender = f"Ses{rating['SpkrID']}{rating['Gender'][0]}", rating["Gender"].lower()
        rows.append(Row(turns[-1].path, IEMOCAP_NOUNS[label], speaker, gender))
    assert raters == {}
    folder = tmp_path / "IEMOCAP_full_release"
    lay_out(folder, (row.path for row in rows))
    write_evaluations(folder, turns)
    result = {row.name: row for row in check("iemocap", tmp_path, rows)}
    for turn in turns:
        (first, most), *others = Counter(turn.votes).most_common()
        clear = all(count < most for _, count in others)
        assert result[turn.name].emotion_perceived == (first if clear else None), turn.name
        assert result[turn.name].emotion_vector == {
            label: pytest.approx(turn.votes.count(label) / len(turn.votes)) for label in turn.votes
        }
    order = sorted(turns, key=lambda turn: (result[turn.name].dialogue_id, result[turn.name].turn_index))
    assert order == sorted(turns, key=lambda turn: (turn.name.rsplit("_", 1)[0], turn.start, turn.name))
    labels = Counter(row.emotion_raw for row in result.values())
    four = sum(labels[code] for code in ("ang", "exc", "hap", "neu", "sad"))
    happy = sum((row.emotion_raw, row.emotion_perceived) == ("xxx", "hap") for row in result.values())
    print(f"iemocap: {four} of four classes, {four + labels['fru']} of six, {happy} more that were voted happy")
    assert (four, four + labels["fru"], happy) == (5531, 7380, 60)


def votes(row: dict[str, str]) -> tuple[str, ...]:
    """Return the labels the raters chose; a share s of them is written smoothed, s * 0.95 + (1 - s) * 0.05 / 8."""
    rest = SMOOTHING / (len(IEMOCAP_VOTES) - 1)
    shares = {code: (float(row[name]) - rest) / (1 - SMOOTHING - rest) for name, (code, _) in IEMOCAP_VOTES.items()}
    total = next(n for n in range(1, 20) if all(abs(share * n - round(share * n)) < 1e-3 for share in shares.values()))
    return tuple(code for code, share in shares.items() for _ in range(round(share * total)))


def write_evaluations(folder: Path, turns: Iterable[Turn]) -> None:
    """Write the turns as `EmoEvaluation` has them: by dialogue, one speaker's before the other's."""
    words = dict(IEMOCAP_VOTES.values())
    for turn in sorted(turns, key=lambda turn: turn.name):
        path = folder / f"Session{turn.name[4]}/dialog/EmoEvaluation/{turn.name.rsplit('_', 1)[0]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n")
            file.write(f"[{turn.start:.4f} - {turn.end:.4f}]\t{turn.name}\t{turn.label}\t[2.5000, 2.5000, 2.5000]\n")
            file.writelines(f"C-E{i}:\t{words[code]};\t()\n" for i, code in enumerate(turn.votes, start=1))
            # what the actors themselves answered is no vote
            file.write(f"C-{turn.name[-4]}1:\tOther;\t()\nA-E1:\tval 3; act 2; dom  2;\t()\n\n")


def write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((*lines, "")), encoding="utf-8")


def test_lists_of_mosei_are_read(tmp_path):
    """Parts, times and folds are real; of the scores the list tells only which is highest, so these are made up."""
    folder = tmp_path / "CMU-MOSEI"
    rows, scores, parts, splits = [], [f"video,start,end,{','.join(SCORES)}"], {}, Counter()
    for line in table_of("nkululeko", "data", "cmu-mosei", "CMU_MOSEI_Labels.csv"):
        video, start, end, split = line["file"], line["start"], line["end"], MOSEI_SPLITS[line["split"]]
        label = SCORES[int(line["label6"])]
        scores.append(",".join((video, start, end, *("1" if score == label else "0" for score in SCORES))))
        parts.setdefault(video, []).append(f"{video}___{line['index']}___{start}___{end}___words")
        path = f"Raw/Audio/Full/WAV_16000/{video}.wav"
        # some parts begin before their video does
        rows.append(Row(path, emotion_name(label), video, split=split, start=max(0.0, float(start)), end=float(end)))
        splits[split] += 1
    lay_out(folder, {row.path for row in rows})
    write(folder / "labels.csv", scores)
    for video, lines in parts.items():
        write(folder / f"Raw/Transcript/Segmented/Combined/{video}.txt", lines)
    kit = clone("CMU-MultimodalSDK", "mmsdk/mmdatasdk/dataset/standard_datasets/CMU_MOSEI/cmu_mosei_std_folds.py")
    copy(kit, folder / kit.name)
    result = check("mosei", tmp_path, rows)
    assert splits == {"train": 16327, "validation": 1871, "test": 4662, None: 399}
    assert Counter(row.split_official for row in result) == splits


def test_list_of_nemo_is_read(tmp_path):
    folder = tmp_path / "nEMO"
    text = git("nEMO", "show", "HEAD:data.tsv")
    rows = [
        Row(f"samples/{row['file_id']}", emotion_name(row["emotion"]), row["speaker_id"].strip(), row["gender"])
        for row in table(text, delimiter="\t")
    ]
    lay_out(folder, (path for path in tracked("nEMO") if path.endswith(".wav")))
    write(folder / "data.tsv", text.splitlines())
    check("nemo", tmp_path, rows)


def test_lists_of_emozionalmente_are_read(tmp_path):
    rows = [replace(row, speaker=row.speaker[:12]) for row in emobox("emozionalmente")]
    labels = {noun: label for label, noun in CORPORA["emozionalmente"].emotions.items()}
    lines = ["file_name,actor,emotion_expressed,sentence"]
    lines += [f"{Path(row.path).name},{row.speaker},{labels[row.emotion]},Words." for row in rows]
    lay_out(tmp_path / "Emozionalmente", (row.path for row in rows))
    write(tmp_path / "Emozionalmente" / "metadata" / "samples.csv", lines)
    check("emozionalmente", tmp_path, rows)
