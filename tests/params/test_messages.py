"""Messages about wrong parameters: the place, the rule, the value and the nearest right name, in our own words."""

import re

import pytest

from mer import params

FOREIGN = re.compile(r"Input should|literal\[|Extra inputs|valid (tuple|dictionary|integer|string)|pydantic|"
                     r"Value error|type=|\[key\]|function-|instance of|constrained|unable to parse", re.I)  # fmt: skip
"""Wording of pydantic that no user should see."""


def problems(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(params.ParamsError) as caught:
        params.load(path)
    assert not FOREIGN.search(str(caught.value)), str(caught.value)
    return caught.value.problems


def one(tmp_path, text, corpora="corpora: [emodb]\n"):
    [problem] = problems(tmp_path, corpora + text)
    return problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {epochs: many}\n", "training.epochs: expected an integer, not 'many'"),
        ("training: {epochs: 1.5}\n", "training.epochs: expected an integer, not 1.5"),
        ("training: {epochs: 0}\n", "training.epochs: must be at least 1, not 0"),
        ("training: {learning_rate: fast}\n", "training.learning_rate: expected a number, not 'fast'"),
        ("training: {learning_rate: .inf}\n", "training.learning_rate: expected a number, not inf"),
        ("training: {dropout: 1}\n", "training.dropout: must be below 1, not 1"),
        ("training: {equal_inputs: maybe}\n", "training.equal_inputs: expected true or false, not 'maybe'"),
        ("training: {inverse_regularisation: 0.1}\n",
         "training.inverse_regularisation: expected a list, such as [0.1], not 0.1"),
        ("training: {inverse_regularisation: []}\n", "training.inverse_regularisation: needs at least 1 entry"),
        ("training:\n", "training: expected `name: value` entries, not an empty value"),
        ("training: [a]\n", "training: expected `name: value` entries, not ['a']"),
        ("evaluation: {seeds: 3}\n", "evaluation.seeds: expected a list, such as [3], not 3"),
        ("evaluation: {seeds: [a]}\n", "evaluation.seeds.0: expected an integer, not 'a'"),
        ("evaluation: {protocols: loco}\n", "evaluation.protocols: expected a list, such as [loco], not 'loco'"),
        ("compute: {device: 3}\n", "compute.device: 3 is not one of auto, cpu, cuda, mps"),
        ("systems: [gated]\n", "systems: expected `name: value` entries, not ['gated']"),
        ("systems: {a: gated}\n", "systems.a: expected `name: value` entries, not 'gated'"),
        ("systems: {a: {model: Gated}}\n", "(did you mean 'gated'?)"),
        ("systems: {my system: {model: gated}}\n",
         "systems: 'my system' cannot be a name: use letters, digits, `.`, `_` and `-`, with a letter or digit first, "
         "for example 'my_system'"),
        ("systems: {a: {model: gated, training: {epochs: x}}}\n",
         "systems.a.training.epochs: expected an integer, not 'x'"),
        ("systems: {a: {model: gated, training: {epoch: 3}}}\n",
         "systems.a.training.epoch: there is no such parameter (did you mean 'epochs'?)"),
        ("systems: {a: {model: gated, trainning: {}}}\n",
         "systems.a.trainning: there is no such parameter (did you mean 'training'?)"),
        ("features: {audio: {layer: [1]}}\n", "features.audio.layer: expected an integer or text, not [1]"),
        ("features: {Audio: {modality: audio}}\n",
         "features.Audio: 'Audio' cannot be the name of an input: use lower-case letters"),
        ("features: {audio: mfcc}\n", "features.audio: expected the parameters of an input"),
        ("features: {audoi: {}}\n", "features.audoi: say its `modality`: audio, text or video (did you mean 'audio'?)"),
        ("steps: [all]\n", "steps.0: must be two digits, such as 04, not 'all'"),
        ("name: my study\n",
         "name: must be letters, digits, `.`, `_` and `-`, with a letter or digit first, not 'my study'"),
        ("data: {raw: 3}\n", "data.raw: expected text, not 3"),
        ("training: {corpus_weights: {ravdess: 2}}\n",
         "training.corpus_weights: 'ravdess' is none of the study's corpora"),
        ("features: {audio: {}}\nsystems: {a: {model: gated, candidates: [{training: {corpus_weights: {esd: 2}}}]}}\n",
         "systems.a.candidates.0.training.corpus_weights: 'esd' is none of the study's corpora"),
        ("ablations: {rows: {no: {zero: [audio]}}}\n", "YAML reads the name in line 2 as false; put it in quotes"),
        ("features: {audio: {extractor: no}}\n", "put the word in quotes"),
        ("systems: {a: {model: ensemble, members_per: family}}\n",
         "systems.a: an ensemble of families needs `members`: the name of at least one other system"),
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence(tmp_path, text, message):
    assert message in one(tmp_path, text)


def test_columns_of_a_table_have_the_nearest_name(tmp_path):
    text = "corpora: {mine: {table: a.csv, columns: {spekaer: who}}}\n"
    problem = one(tmp_path, text, corpora="")
    assert problem.startswith("corpora.mine.columns: 'spekaer' is not one of path, video, speaker")
    assert problem.endswith("(did you mean 'speaker'?)")


def test_all_faults_of_a_system_are_reported_at_once(tmp_path):
    text = "corpora: [emodb]\nsystems: {a: {model: gatd, inputs: audio, training: {epochs: x, dropout: 2, epoch: 1}}}\n"
    places = [problem.partition(": ")[0] for problem in problems(tmp_path, text)]
    assert places == ["systems.a.model", "systems.a.inputs", "systems.a.training.epochs", "systems.a.training.dropout",
                      "systems.a.training.epoch"]  # fmt: skip


def test_all_faults_between_sections_are_reported_at_once(tmp_path):
    text = """
corpora: [emodb]
systems: {a: {model: gated, inputs: [audoi]}, b: {model: ensemble, members: [a, c]}}
evaluation: {accept_duplicates: [ravdess]}
training: {corpus_weights: {esd: 2}}
"""
    result = problems(tmp_path, text)
    assert [problem.partition(": ")[0] for problem in result] == [
        "training.corpus_weights", "evaluation.accept_duplicates", "systems.a.inputs", "systems.b.members",
    ]  # fmt: skip
    assert "(did you mean 'audio'?)" in result[2]


def test_case_of_corpus_names_does_not_matter(tmp_path):
    (tmp_path / "a.yaml").write_text("corpora: [EmoDB, RAVDESS]\nlabels: {overrides: {EMODB: {W: fear}}}\n")
    loaded = params.load(tmp_path / "a.yaml")
    assert list(loaded.corpora) == ["emodb", "ravdess"]
    assert list(loaded.labels.overrides) == ["emodb"]
    (tmp_path / "b.yaml").write_text(
        "corpora: {Mine: {table: a.csv}, EmoDB: }\ntraining: {corpus_weights: {Mine: 2}}\n"
    )
    assert list(params.load(tmp_path / "b.yaml").corpora) == ["Mine", "emodb"]
    (tmp_path / "c.yaml").write_text(
        "corpora: [emodb, emodb]\ntranscripts: {recogniser: whisper, model: x, trained_on: [EmoDB]}\n"
        "features: {audio: {extractor: encoder, model: x, trained_on: [Meld]}}\n"
        "systems: {a: {model: gated, inputs: [audio], training: {corpus_weights: {EMODB: 2}}}}\n"
    )
    loaded = params.load(tmp_path / "c.yaml")
    assert (loaded.transcripts.trained_on, loaded.features["audio"].trained_on) == (("emodb",), ("meld",))
    assert loaded.systems["a"].training == {"corpus_weights": {"emodb": 2}}
    (tmp_path / "d.yaml").write_text(
        "corpora: [EmoDB, RAVDESS]\nfeatures: {audio: {}}\n"
        "systems: {a: {model: gated, candidates: [{training: {corpus_weights: {EmoDB: 2}}}]}}\n"
        "ablations: {rows: {b: {without: [EmoDB]}, c: {training: {corpus_weights: {EMODB: 3}}},\n"
        "  d: {training.corpus_weights: {EmoDB: 4}}, e: {labels.overrides: {EmoDB: {W: fear}}},\n"
        "  f: {candidates: [{training: {corpus_weights: {EmoDB: 5}}}]}}}\n"
    )
    loaded = params.load(tmp_path / "d.yaml")
    assert loaded.systems["a"].candidates[0].training == {"corpus_weights": {"emodb": 2}}
    rows = loaded.ablations.rows
    assert rows["b"].without == ("emodb",)
    assert [rows[name].training["corpus_weights"] for name in "cd"] == [{"emodb": 3}, {"emodb": 4}]
    assert list(rows["e"].labels["overrides"]) == ["emodb"]
    assert rows["f"].candidates[0].training == {"corpus_weights": {"emodb": 5}}
    assert "is named twice, in another spelling" in one(tmp_path, "", corpora="corpora: {EmoDB: , emodb: }\n")


def test_numbers_are_labels_and_speakers(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "corpora: {mine: {table: a.csv, labels: {1: neutral, 2.5: anger}, speakers: {7: 8}}}\n"
        "labels: {overrides: {mine: {3: fear}}}\n"
    )
    loaded = params.load(tmp_path / "a.yaml")
    assert loaded.corpora["mine"].labels == {"1": "neutral", "2.5": "anger"}
    assert loaded.corpora["mine"].speakers == {"7": ("8",)}
    assert loaded.labels.overrides == {"mine": {"3": "fear"}}
