"""The results of the README and of docs/results.md are those of the files in benchmarks/results."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import results
from mer import files
from mer.report.style.numbers import short

README, PAGE = (path.read_text(encoding="utf-8") for path in results.PAGES)
STORED = results.load()
SECTION = README.split("\n## Results on real recordings\n")[1].split("\n## ")[0]
FREE_BELOW = 10
"""Smaller integers are words, such as the number of seeds."""


def test_every_table_is_that_of_its_file():
    for text in (README, PAGE):
        assert results.MARKED.search(text)
        assert results.with_tables(text, STORED) == text


def test_every_file_has_a_table():
    assert {name for _, name, _, _ in results.MARKED.findall(PAGE)} == set(STORED)


@pytest.mark.parametrize("text", [SECTION, PAGE], ids=["README", "page"])
def test_every_number_of_the_text_is_in_a_file(text):
    known = {text for result in STORED.values() for value in numbers_in(result) for text in texts(value)}
    prose = re.sub(r"https?://\S+|`[^`]*`", " ", results.MARKED.sub("", text))
    unknown = [token for token in stated(prose) if token not in known]
    assert unknown == []


def stated(prose):
    """The numbers of a text as they are written, without integers that are words."""
    found = re.findall(r"(?<![\w.,])[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?![\w])", prose)
    tokens = [token.lstrip("+-") for token in found if re.search(r"\d", token)]
    return [token for token in tokens if "." in token or int(token.replace(",", "")) >= FREE_BELOW]


def numbers_in(tree):
    """All numbers of a tree, and those that its texts have, such as the year of its date."""
    if isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(inner)
    elif isinstance(tree, int | float) and not isinstance(tree, bool):
        yield tree


def texts(value):
    """The ways in which a number may be written."""
    value = abs(value)
    return {short(value, digits) for digits in (2, 3)} | {f"{value:.1f}", f"{100 * value:.0f}", f"{100 * value:.1f}",
                                                         f"{round(value):,}"}  # fmt: skip


def test_wrong_number_is_found():
    known = {text for value in numbers_in({"a": [0.4123, 1240]}) for text in texts(value)}
    assert set(stated("It is .412, or 41.2 points, of 1,240 clips, and not .413 or 1,250 with 3 seeds.")) - known == {
        ".413", "1,250",
    }  # fmt: skip


@pytest.fixture
def run_folder(tmp_path):
    """A run folder with the tables that are read."""
    (tmp_path / "tables").mkdir()
    (tmp_path / "data").mkdir()
    files.write_json(tmp_path / "run.json", {
        "command": "python run_all.py params/x.yaml --set data.raw=/home/me/corpora --name try",
        "finished": "2026-11-30T10:13:29+00:00", "git": {"commit": "0123456789", "dirty": False},
    })  # fmt: skip
    manifest = pd.DataFrame({"corpus": ["a"] * 4 + ["b"], "speaker_id": ["1", "1", "2", "3", "4"],
                             "exclude_reason": [None, None, None, "label", None]})  # fmt: skip
    manifest.to_parquet(tmp_path / "data/manifest.parquet")
    base = {"system": "linear", "protocol": "loco", "answers": "restricted", "metric": "UAR", "n": 3, "speakers": 2,
            "n_seeds": 1, "classes": 4, "chance": 0.25, "transductive": False, "seed": np.nan}  # fmt: skip
    rows = [base | {"test_corpus": "a", "value": 0.4511, "low": 0.401, "high": 0.5},
            base | {"test_corpus": "b", "value": 0.25, "low": np.nan, "high": np.nan, "n": 1, "speakers": 1},
            base | {"test_corpus": "a", "value": 0.1, "low": 0, "high": 1, "answers": "free"},
            base | {"test_corpus": "a", "value": 0.2, "low": 0, "high": 1, "seed": 0},
            base | {"test_corpus": "a", "value": 0.6, "low": 0.55, "high": 0.65, "metric": "weighted_F1"}]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "tables/results.csv", index=False)
    line = {"system": "zero", "reference": "linear", "protocol": "loco", "test_corpus": "mean over corpora",
            "value": 0.2, "reference_value": 0.3, "difference": -0.1, "low": -0.15, "high": -0.05, "p_holm": 0.01,
            "verdict": "worse", "n": 4, "speakers": 3, "seeds": 1, "corpora": 2}  # fmt: skip
    pd.DataFrame([line, line | {"test_corpus": "a", "difference": -0.2}]).to_csv(
        tmp_path / "tables/ablations.csv", index=False
    )
    return tmp_path


def test_scores_of_a_run_folder_become_a_small_file(run_folder, tmp_path):
    out = tmp_path / "loco.json"
    words = [str(run_folder), "--table", "loco", "--title", "LOCO", "--out", str(out), "--fact", "seconds=12.5"]
    assert results.main(words) == 0
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert stored["command"] == "python run_all.py params/x.yaml --set data.raw=…/corpora"
    assert (stored["date"], stored["facts"]) == ("2026-11-30", {"seconds": 12.5})
    assert stored["corpora"] == {"a": {"utterances": 3, "speakers": 2}, "b": {"utterances": 1, "speakers": 1}}
    means = stored["rows"][-1]
    assert means["value"] == pytest.approx((0.4511 + 0.25) / 2)
    assert means["chance_corrected"] == pytest.approx(((0.4511 - 0.25) / 0.75 + 0) / 2, abs=1e-5)
    assert out.stat().st_size < 2000
    table = results.render(stored)
    assert "| `linear` | .451 [.401, .500] | .250 no interval (1 speaker) | .351 | .134 |" in table
    assert "4 utterances" in table


def test_another_metric_of_one_corpus_has_no_means(run_folder):
    stored = {"title": "F1"} | results.collect(run_folder, "loco", metric="weighted_F1")
    assert (stored["metric"], stored["rows"][-1]["chance_corrected"]) == ("weighted_F1", None)
    assert results.render(stored).startswith("| system | a |\n|---|---|\n| `linear` | .600 [.550, .650] |\n\nF1.")


def test_means_at_chance_are_kept(run_folder):
    stored = {"title": "LOCO"} | results.collect(run_folder, "loco")
    stored["rows"][-1]["chance_corrected"] = 0
    assert "| mean | mean, chance-corrected |" in results.render(stored)


def test_differences_of_a_run_folder_become_a_table(run_folder):
    stored = {"title": "Ablation"} | results.collect(run_folder, "ablations")
    [row] = stored["rows"]
    assert (row["difference"], row["p_holm"]) == (-0.1, 0.01)
    assert "| `zero` | `linear` | -.100 [-.150, -.050] | .010 | worse |" in results.render(stored)


def test_systems_are_kept_in_the_given_order(run_folder):
    assert results.collect(run_folder, "loco", systems=["other"])["rows"] == []


def test_tables_are_written_between_their_markers():
    stored = {"title": "T", "command": "c", "date": "2026-11-30", "table": "ablations",
              "corpora": {}, "rows": []}  # fmt: skip
    text = "a\n<!-- benchmarks/results/x.json -->\nold\n<!-- end -->\nb"
    new = results.with_tables(text, {"x": stored})
    assert new.startswith("a\n<!-- benchmarks/results/x.json -->\n| row |")
    assert "old" not in new
    assert results.with_tables(new, {"x": stored}) == new
