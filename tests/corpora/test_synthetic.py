"""The synthetic corpora: layouts, known effects, repeatability, and that foreign files are not replaced."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.stats import chi2_contingency
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score

from mer.corpora import CORPORA, Problem, parsers
from mer.corpora.synthetic.text import esd_sentence
from mer.corpora.synthetic.trees import GroundTruth, plan, write
from mer.corpora.synthetic.voice_cues import CUES, EMOTIONS, corpus_properties
from mer.params.schema import Synthetic

SMALL = {"seed": 3, "speakers": 2, "clips": 1}
LAYOUT = {
    "ravdess": r"RAVDESS/Actor_(\d\d)/(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-\1\.wav",
    "cremad": r"CREMA-D/AudioWAV/(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)\.wav",
    "emodb": r"emodb/wav/(\d\d)([ab]\d\d)([WLEAFTN])([a-z])\.wav",
    "esd": r"ESD/(\d{4})/(Neutral|Angry|Happy|Sad|Surprise)/\1_(\d{6})\.wav",
    "meld": r"MELD/(train/train_splits|dev/dev_splits_complete|test/output_repeated_splits_test)"
    r"/dia(\d+)_utt(\d+)\.wav",
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("synthetic") / "raw"


@pytest.fixture(scope="module")
def truth(raw) -> GroundTruth:
    return write(raw, Synthetic())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "raw"
    return folder, write(folder, Synthetic(**SMALL))


def corpus_of(path: str) -> str | None:
    return next((name for name, pattern in LAYOUT.items() if re.fullmatch(pattern, path)), None)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def meld_lines(raw: Path, part: str) -> list[dict[str, str]]:
    with (raw / f"MELD/{part}_sent_emo.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_recording_has_the_path_of_its_corpus(truth):
    result = Counter(corpus_of(path) for path in truth.files if path.endswith(".wav"))
    assert dict(result) == truth.clips
    assert 900 <= sum(result.values()) <= 1100
    assert min(result.values()) >= 100


def test_native_rates_and_no_clipping(raw, truth):
    for path in [path for path in truth.files if path.endswith(".wav")]:
        sound, rate = soundfile.read(raw / path, dtype="int16")
        assert rate == truth.rates[corpus_of(path)]
        assert sound.ndim == 1
        assert 500 < np.abs(sound.astype(int)).max() < 32_767, path
        assert 0.35 < len(sound) / rate < 3, path
    assert truth.rates == {"ravdess": 48_000, "cremad": 16_000, "emodb": 16_000, "esd": 16_000, "meld": 16_000}


def test_parsers_read_everything_without_a_problem(raw, truth):
    for name, count in truth.clips.items():
        corpus = CORPORA[name]
        rows = list(parsers.parse(corpus, raw, corpus.find(raw)))
        assert [row for row in rows if isinstance(row, Problem)] == []
        assert len({row.name for row in rows}) == len(rows) == count
        assert {row.path for row in rows} == {p for p in truth.files if corpus_of(p) == name}
        assert {row.emotion_raw for row in rows} <= set(corpus.emotions)
        assert all(row.transcription for row in rows)


def test_parallel_corpora_give_every_emotion_the_same_sentences(raw, truth):
    for name in truth.parallel:
        said: dict[str, set[str | None]] = {}
        for row in parsers.parse(CORPORA[name], raw, CORPORA[name].find(raw)):
            said.setdefault(row.emotion_raw, set()).add(row.transcription)
        said.pop("L", None)  # of EMO-DB's boredom there are only a few
        assert len({frozenset(sentences) for sentences in said.values()}) == 1


def test_duration_reveals_the_label_of_esd(raw, truth):
    rows = [[*path.split("/")[1:3], soundfile.info(raw / path).duration] for path in truth.files
            if corpus_of(path) == "esd"]  # fmt: skip
    right = []
    for held_out in {speaker for speaker, _, _ in rows}:
        means = {
            label: np.mean([d for s, other, d in rows if s != held_out and other == label])
            for label in {label for _, label, _ in rows}
        }
        for speaker, label, duration in rows:
            if speaker == held_out:
                right.append(min(means, key=lambda e, d=duration, m=means: abs(m[e] - d)) == label)
    assert np.mean(right) > 0.95
    assert truth.shortcut["corpus"] == "esd"
    assert list(truth.shortcut["seconds"].values()) == sorted(truth.shortcut["seconds"].values())


def test_duration_does_not_reveal_the_label_of_other_corpora(raw, truth):
    lengths: dict[str, list[float]] = {}
    for path in truth.files:
        if corpus_of(path) == "cremad":
            lengths.setdefault(path[-10:-7], []).append(soundfile.info(raw / path).duration)
    assert len(lengths) == 6
    gap = np.ptp([np.mean(values) for values in lengths.values()])
    assert gap < 4 * np.mean([np.std(values) for values in lengths.values()])


def test_voice_of_meld_does_not_depend_on_the_label(raw, truth):
    folder = {
        "train": "train/train_splits",
        "dev": "dev/dev_splits_complete",
        "test": "test/output_repeated_splits_test",
    }
    pairs = Counter(
        (
            row["Emotion"],
            truth.acted_emotions[f"MELD/{folder[part]}/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}.wav"],
        )
        for part in folder
        for row in meld_lines(raw, part)
    )
    table = np.array([[pairs[a, b] for b in sorted(set(truth.acted_emotions.values()))] for a in {a for a, _ in pairs}])
    assert table.shape == (7, 7)
    assert chi2_contingency(table).pvalue > 0.01


def test_text_of_meld_depends_on_the_label(raw, truth):
    train, test = meld_lines(raw, "train") + meld_lines(raw, "dev"), meld_lines(raw, "test")
    words = TfidfVectorizer()
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(words.fit_transform([row["Utterance"] for row in train]), [row["Emotion"] for row in train])
    guesses = model.predict(words.transform([row["Utterance"] for row in test]))
    recall = recall_score([row["Emotion"] for row in test], guesses, average="macro")
    assert 0.4 < recall < 0.8


def test_parts_of_meld_have_every_emotion_and_share_speakers(raw, truth):
    speakers = {}
    for part in ("train", "dev", "test"):
        rows = meld_lines(raw, part)
        counts = Counter(row["Emotion"] for row in rows)
        assert len(counts) == 7
        assert counts.most_common(1)[0][0] == "neutral"
        assert max(int(row["Utterance_ID"]) for row in rows) >= 2
        speakers[part] = {row["Speaker"] for row in rows}
    assert speakers["dev"] | speakers["test"] <= speakers["train"]


def test_transcripts_of_esd_have_three_encodings(raw, truth):
    texts = {path: (raw / path).read_bytes() for path in truth.files if re.fullmatch(r"ESD/\d+/\d+\.txt", path)}
    assert texts["ESD/0015/0015.txt"].startswith((b"\xff\xfe", b"\xfe\xff"))
    with pytest.raises(UnicodeDecodeError):
        texts["ESD/0011/0011.txt"].decode("utf-8")
    lines = texts["ESD/0012/0012.txt"].decode("utf-8").splitlines()
    assert {len(line.split("\t")) for line in lines} == {3}
    assert len({esd_sentence(k) for k in range(1, 351)}) == 350


def test_repeated_and_parallel_writes_give_the_same_bytes(small, tmp_path):
    folder, truth = small
    assert write(tmp_path / "again", Synthetic(**SMALL)) == truth
    assert write(tmp_path / "parallel", Synthetic(**SMALL), jobs=2) == truth
    assert contents(tmp_path / "again") == contents(folder) == contents(tmp_path / "parallel")


def test_a_small_set_is_part_of_a_larger_one(small, tmp_path):
    _, truth = small
    larger = write(tmp_path / "raw", Synthetic(seed=3, speakers=3, clips=2))
    acted = [path for path in truth.files if path.endswith(".wav") and corpus_of(path) != "meld"]
    assert acted
    assert all(larger.files[path] == truth.files[path] for path in acted)


def test_another_seed_or_shift_gives_another_voice(small, tmp_path):
    _, truth = small
    for change in ({"seed": 4}, {"shift": 0.0}):
        other = write(tmp_path / str(change), Synthetic(**{**SMALL, **change}))
        same = [path for path in other.files if path.endswith(".wav") and other.files[path] == truth.files.get(path)]
        assert same == []


def test_corpora_do_not_differ_without_shift():
    alike = [corpus_properties(0, name, 0.0).cues["anger"] for name in LAYOUT]
    assert all(np.array_equal(cue, EMOTIONS["anger"]) for cue in alike)
    assert len({tuple(corpus_properties(0, name, 1.0).cues["anger"]) for name in LAYOUT}) == 5
    assert {len(cue) for cue in EMOTIONS.values()} == {len(CUES)}


def test_size_is_limited_by_the_file_names_of_a_corpus(tmp_path):
    trees = plan(seed=0, speakers=24, clips=50)
    names = {corpus: [clip.name for clip in tree.clips] for corpus, tree in trees.items()}
    assert len(names["ravdess"]) == 24 * 60
    assert len(names["cremad"]) == 24 * 82
    assert len({name[:2] for name in names["emodb"]}) == 10
    assert len({name[:4] for name in names["esd"]}) == 10
    assert all(len(set(ids)) == len(ids) for ids in names.values())


def test_second_write_changes_no_file(small):
    folder, truth = small
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    assert write(folder, Synthetic(**SMALL)) == truth
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


@pytest.mark.parametrize("damage", ["missing", "tampered"])
def test_damage_is_repaired(tmp_path, damage):
    truth = write(tmp_path / "raw", Synthetic(**SMALL))
    before = contents(tmp_path / "raw")
    victim = tmp_path / "raw" / next(path for path in truth.files if path.endswith(".wav"))
    victim.unlink() if damage == "missing" else victim.write_bytes(b"RIFF")
    write(tmp_path / "raw", Synthetic(**SMALL))
    assert contents(tmp_path / "raw") == before
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_other_parameters_do_not_replace_what_another_study_may_read(tmp_path):
    write(tmp_path / "raw", Synthetic(**SMALL))
    before = contents(tmp_path / "raw")
    with pytest.raises(ValueError, match=r"holds synthetic corpora with seed 3 and not 4, .*delete"):
        write(tmp_path / "raw", Synthetic(**{**SMALL, "seed": 4}))
    assert contents(tmp_path / "raw") == before


def test_an_older_format_of_the_same_parameters_is_replaced(tmp_path):
    truth = write(tmp_path / "raw", Synthetic(**SMALL))
    text = (tmp_path / "raw/truth.json").read_text(encoding="utf-8")
    (tmp_path / "raw/truth.json").write_text(text.replace('"format": 2', '"format": 1'), encoding="utf-8")
    assert write(tmp_path / "raw", Synthetic(**SMALL)) == truth


@pytest.mark.parametrize("made", [False, True])
def test_foreign_recordings_are_never_replaced(tmp_path, made):
    raw = tmp_path / "raw"
    if made:
        write(raw, Synthetic(**SMALL))
    (raw / "IEMOCAP").mkdir(parents=True)
    (raw / "IEMOCAP" / "real.wav").write_bytes(b"years of work")
    before = contents(raw)
    with pytest.raises(ValueError, match=r"raw: holds IEMOCAP/real\.wav.*name an empty raw folder"):
        write(raw, Synthetic(**{**SMALL, "seed": 9}))
    assert contents(raw) == before


def test_foreign_truth_file_is_refused(tmp_path):
    (tmp_path / "truth.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match="name another raw folder"):
        write(tmp_path, Synthetic(**SMALL))


def test_file_instead_of_the_folder_is_refused(tmp_path):
    (tmp_path / "raw").write_bytes(b"years of work")
    with pytest.raises(ValueError, match=r"is a file; data\.raw has to name"):
        write(tmp_path / "raw", Synthetic(**SMALL))
    assert contents(tmp_path) == {"raw": b"years of work"}
