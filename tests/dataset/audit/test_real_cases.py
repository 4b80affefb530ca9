"""Known leaks of real corpora. MER_REAL_CORPORA names the folder of the recordings and texts."""

import os
from pathlib import Path

import pandas as pd
import pytest

from mer.corpora import selected
from mer.dataset.__main__ import main
from mer.dataset.audit import checks
from mer.dataset.audit.copies import near_duplicates
from mer.dataset.audit.tables import foreign_tables
from mer.dataset.manifest import build, schema

REAL = Path(os.environ.get("MER_REAL_CORPORA", ""))
CASES = REAL.parent / "audit_cases"
pytestmark = pytest.mark.skipif(
    not os.environ.get("MER_REAL_CORPORA"), reason="MER_REAL_CORPORA does not name a folder of real recordings"
)
excerpts = pytest.mark.skipif(not CASES.is_dir(), reason="beside MER_REAL_CORPORA there is no folder audit_cases")


def test_rows_of_text_only_are_not_read():
    rows = pd.DataFrame({"source_path": ["MELD/test_sent_emo.csv"] * 3, "audio_ok": False})
    near = near_duplicates.find_near_duplicates(rows, REAL)
    assert near.unreadable.empty
    assert near.pairs.empty


@excerpts
def test_excerpts_of_a_corpus_are_near_duplicates(tmp_path):
    options = build.BuildOptions(policy="paper7", overrides={}, seed=0, validation=0.1, test=0.1, folds=5,
                                 min_seconds=0.3, max_seconds=20.0)  # fmt: skip
    whole = schema.usable(build.build(REAL, selected(["emodb"]), options, jobs=2).manifest)
    paths = sorted((CASES / "emodb_2s" / "wav").glob("*.flac"))
    cut = pd.DataFrame({"utterance_id": [f"emodb_2s/{path.stem}" for path in paths], "corpus": "emodb_2s",
                        "source_path": [f"emodb_2s/wav/{path.name}" for path in paths]})  # fmt: skip
    (tmp_path / "emodb").symlink_to(REAL / "emodb")
    (tmp_path / "emodb_2s").symlink_to(CASES / "emodb_2s")
    rows = pd.concat([whole, cut], ignore_index=True)
    pairs = near_duplicates.find_near_duplicates(rows, tmp_path, jobs=2).pairs
    stems = rows["source_path"].str.extract(r"(\w+)\.flac$")[0]
    findings = {tuple(sorted((a, b))) for a, b in zip(pairs["first"], pairs["second"], strict=True)}
    truth = {tuple(sorted(group)) for group in stems.groupby(stems).groups.values() if len(group) == 2}
    assert len(truth) == 266
    assert findings == truth  # precision and recall 1
    [finding] = [f for f in checks.find_leaks(rows, set(), pairs) if f.kind == "near-duplicate across families"]
    assert (finding.severity, finding.corpora, finding.count) == ("breach", "emodb + emodb_2s", 532)


@pytest.fixture(scope="module")
def lists():
    names = {
        "meld": "MELD/{}_sent_emo.csv",
        "emorynlp": "EmoryNLP/emorynlp_{}_final.csv",
    }
    return {
        f"{corpus}/{part}": REAL / name.format(part)
        for corpus, name in names.items()
        for part in ("train", "dev", "test")
    }


def test_two_lists_of_one_series_share_a_fifth_of_their_long_test_sentences(lists):
    sources = foreign_tables.sources(None, [f"{part}={path}" for part, path in lists.items()])
    rows = foreign_tables.load(sources, {}).rows
    assert set(rows["family"]) == {"friends"}
    findings = checks.find_leaks(rows.assign(family=rows["corpus"]), set())  # as if nobody knew
    across = {f.total: f for f in findings if (f.severity, f.kind) == ("breach", "sentences across families")}
    assert set(across) == {1705, 573}  # test lines of five words or more: of MELD, of EmoryNLP
    assert across[1705].sentence.startswith("347 of the 1,705 long test sentences of meld")
    assert "335 of them exactly" in across[1705].sentence  # 19.6 %
    assert across[573].sentence.startswith("123 of the 573 long test sentences of emorynlp")
    assert "119 of them exactly" in across[573].sentence  # 20.8 %
    own = {f.corpora: f for f in findings if (f.severity, f.kind) == ("note", "sentences across parts")}
    assert (
        own["meld"].count / own["meld"].total < 0.02
    )  # what recurs between the parts of one corpus, phrases most of it
    assert "9 of them exactly" in own["meld"].sentence


def test_one_list_trained_on_and_the_other_tested_is_a_breach(lists, capsys):
    code = main(["audit", f"--part=meld/train={lists['meld/train']}", f"--part=emorynlp/test={lists['emorynlp/test']}"])
    screen = capsys.readouterr().out
    assert code == 1
    assert "breach: family in training and test, emorynlp + meld" in screen
    assert "breach: sentences across parts, emorynlp + meld (96 of 573)" in screen


def test_a_published_split_of_a_series_shares_speakers_by_design(capsys):
    assert main(["audit", str(REAL / "MELD")]) == 0
    assert "note: speakers across parts, MELD (69 of 100)" in capsys.readouterr().out
