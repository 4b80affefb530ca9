"""A corpus with copies in the training rows of another family is not tested as unseen, unless it is accepted."""

import numpy as np
import pandas as pd
import pytest

from mer import params
from mer.dataset.identity import duplicates
from mer.evaluation.comparison import selection
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import copies_across_families
from mer.params.schema import Evaluation, Training
from tests.evaluation.test_protocols import corpus, manifest

NAMES = ["a", "b", "c"]
ACROSS = ("loco", "cross_corpus")


@pytest.fixture
def study():
    table = manifest(*(corpus(name, name, 6) for name in NAMES))
    table["samples_sha256"] = "samples of " + table["utterance_id"]
    return table


def near(study, *pairs):
    number = dict(zip(study["utterance_id"], range(len(study)), strict=True))
    return pd.DataFrame([(number[x], number[y]) for x, y in pairs], columns=["first", "second"])


def copied(study, source="b/1_3", target="a/0_0"):
    at = study.set_index("utterance_id")["samples_sha256"]
    return study.assign(samples_sha256=study["samples_sha256"].replace(at[source], at[target]))


def refused(study, protocol, *arguments):
    with pytest.raises(ValueError, match="leave one of the two corpora out") as message:
        protocols.plan(study, (protocol,) if isinstance(protocol, str) else protocol, NAMES, *arguments)
    return str(message.value).splitlines()


@pytest.mark.parametrize("kind", ["copy", "near"])
def test_refusal_names_both_corpora_an_example_and_the_remedy(study, kind):
    pairs = near(study, ("a/0_0", "b/1_3")) if kind == "near" else duplicates.NO_DUPLICATES
    study = copied(study) if kind == "copy" else study
    held_out_a, held_out_b = refused(study, "loco", pairs)
    assert held_out_a == (
        "LOCO without a: 1 of its recordings are in b too, for example b/1_3, which is a/0_0; leave one of the two "
        "corpora out of `corpora`, give both the same `family`, or name a in evaluation.accept_duplicates, which flags "
        "its scores"
    )
    assert held_out_b.startswith("LOCO without b: 1 of its recordings are in a too")
    assert [line.split(":")[0] for line in refused(study, "cross_corpus", pairs)] == [
        "models of a, tested on b", "models of b, tested on a"
    ]  # fmt: skip
    assert len(refused(study, ACROSS, pairs)) == 2  # nothing is said twice


def test_every_corpus_with_a_copy_is_named(study):
    study = copied(copied(study), "c/2_2")
    assert len(refused(study, "loco")) == 6


def test_corpora_are_accepted_one_by_one(study):
    study = copied(study)
    [line] = refused(study, ACROSS, duplicates.NO_DUPLICATES, ("a",))
    assert line.startswith("LOCO without b")
    cells = protocols.plan(study, ACROSS, NAMES, duplicates.NO_DUPLICATES, ("a", "b"))
    assert len(cells) == 6
    [held_out] = [cell for cell in cells if cell.held_out == "a"]
    seen = study.loc[[*held_out.train, *held_out.validation], "utterance_id"]
    assert "b/1_3" in set(seen)  # what is accepted is trained as it is
    message = copies_across_families.accepted_sentence(study, NAMES, duplicates.NO_DUPLICATES, ("a", "c"))
    assert message == (
        "a: 1 of its recordings are also in another family; accepted, and its scores are flagged. "
        "c: accepted, but none of its recordings is in another family."
    )


@pytest.mark.parametrize("kind", ["copy", "near"])
def test_copies_of_validation_rows_are_not_training_rows(study, kind):
    chosen, trained = (
        study.loc[(study["split"] == part) & (study["corpus"] == name), "utterance_id"].iloc[0]
        for part, name in (("validation", "a"), ("train", "b"))
    )
    pairs = near(study, (chosen, trained)) if kind == "near" else duplicates.NO_DUPLICATES
    study = copied(study, trained, chosen) if kind == "copy" else study
    [cell] = [c for c in protocols.plan(study, ("loco",), NAMES, pairs, ("a", "b")) if c.held_out == "c"]
    assert chosen in set(study.loc[cell.validation, "utterance_id"])
    assert trained not in set(study.loc[cell.train, "utterance_id"])
    assert len(cell.train) == len(protocols.plan(study.drop(columns="samples_sha256"), ("loco",), NAMES)[2].train) - 1


def test_copies_within_a_family_or_of_unscored_corpora_are_allowed(study):
    study = copied(study)
    assert len(protocols.plan(study, ACROSS, ["a", "c"])) == 4  # b is not scored, so that it does not train
    kin = study.assign(family=study["corpus"].replace("b", "a"))
    assert {cell.held_out for cell in protocols.plan(kin, ("loco",), NAMES)} == {"a", "c"}


def test_within_corpus_is_not_refused(study):
    assert protocols.plan(copied(study), ("in_corpus",), NAMES)


def test_inner_loco_is_refused_as_well(study):
    asked = Evaluation(selection="inner_loco")
    study = copied(manifest_of_four(study))
    names = [*NAMES, "d"]
    with pytest.raises(ValueError, match="LOCO without a"):
        selection.plan(study, names, asked, [Training(choose_by="speakers")] * 2)
    accepting = asked.model_copy(update={"accept_duplicates": ("a", "b")})
    assert len(selection.plan(study, names, accepting, [Training(choose_by="speakers")] * 2)) == 6


def manifest_of_four(study):
    more = manifest(corpus("d", "d", 6))
    return pd.concat([study, more.assign(samples_sha256="samples of " + more["utterance_id"])], ignore_index=True)


@pytest.mark.parametrize("kind", ["copy", "near"])
def test_multi_corpus_trains_on_no_copy_of_test_rows(study, kind):
    tested = study.loc[study["split"] == "test", "utterance_id"].iloc[0]
    trained = study.loc[(study["split"] == "train") & (study["corpus"] == "b"), "utterance_id"].iloc[0]
    pairs = near(study, (tested, trained)) if kind == "near" else duplicates.NO_DUPLICATES
    [before] = protocols.plan(study, ("multi_corpus",), NAMES)
    study = copied(study, trained, tested) if kind == "copy" else study
    [after] = protocols.plan(study, ("multi_corpus",), NAMES, pairs)
    gone = set(study.loc[np.setdiff1d(before.train, after.train), "utterance_id"])
    assert gone == {trained}
    assert np.array_equal(before.test, after.test)


def test_accepted_name_that_is_no_corpus_is_refused():
    with pytest.raises(
        params.ParamsError, match=r"evaluation.accept_duplicates: 'mlud' is none of the study's corpora"
    ):
        params.load("params/demo.yaml", ["evaluation.accept_duplicates=[mlud]"])
