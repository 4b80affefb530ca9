"""Lists in different places that must agree: a name that is added or removed on one side only fails here.

Corpora are tied in tests/corpora/test_catalogue.py, policies and corpora in tests/dataset/test_policies.py.
"""

import ast
import importlib
import inspect
import json
import re
import tomllib
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import yaml

import run_all
from mer import commands, files, models
from mer.acceleration import stacked_optimiser
from mer.corpora.reading import columns
from mer.dataset.manifest import annotations, labels
from mer.evaluation.protocols import cells, jobs
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring
from mer.features import registry
from mer.features.text import transcripts
from mer.features.video import detectors
from mer.models.fusion import Fusion
from mer.models.inputs import MODALITIES
from mer.params import data, features, normalisation, renamed
from mer.params.schema import Compute, Evaluation, Labels, Params, Predict, Training, Transcripts, VideoFeatures
from mer.params.section import Modality
from mer.params.systems import Classical, Network, System
from mer.predict import PredictionSettings
from mer.predict import __main__ as predict_command
from mer.predict.inputs import voice_activity
from mer.preflight import faults, weights
from mer.report.style import symbols
from mer.stats import METRICS
from mer.training import baselines, grid
from mer.training.engines import device
from mer.training.model import TrainedModel
from mer.training.networks import losses, network_training, progress

ARCHITECTURE = (files.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((files.ROOT / "docs").glob("*.md")))


def values(section, field):
    """The values that a parameter may have."""
    return set(get_args(section.model_fields[field].annotation))


def modules(folder, pattern):
    """Names of the modules and sub-packages of a package whose source has a line that matches."""
    paths = [*(files.ROOT / "mer" / folder).glob("*.py"), *(files.ROOT / "mer" / folder).glob("*/__init__.py")]
    found = {path for path in paths if re.search(pattern, path.read_text(encoding="utf-8"), re.M)}
    return {path.parent.name if path.stem == "__init__" else path.stem for path in found}


def compared(path, name):
    """The texts with which a module compares a variable or attribute of this name."""
    found = set()
    for node in ast.walk(ast.parse((files.ROOT / "mer" / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and getattr(node.left, "attr", getattr(node.left, "id", "")) == name:
            found |= {
                leaf.value for side in node.comparators for leaf in ast.walk(side) if isinstance(leaf, ast.Constant)
            }
    return found


@pytest.mark.parametrize("name", get_args(Network))
def test_network_of_the_parameters_is_a_module(name):
    network = importlib.import_module(f"mer.models.networks.{name}").NETWORK
    assert issubclass(network, Fusion)
    assert isinstance(models.build(name, models.Inputs({"audio": 8, "text": 8}), 7, hidden=8, dropout=0.1), network)


def test_every_network_is_a_parameter():
    assert modules("models/networks", r"^NETWORK\b") == set(get_args(Network))


@pytest.mark.parametrize("name", get_args(Classical))
def test_classical_model_of_the_parameters_is_a_module(name):
    module = baselines.module(name)
    assert list(inspect.signature(module.fit_all).parameters) == ["task", "train", "settings", "inputs", "training"]
    assert list(inspect.signature(module.settings).parameters) == ["training", "choose_by"]
    assert list(inspect.signature(module.all_logits).parameters)[1:] == ["features", "rows"]
    assert all(hasattr(module.MODEL, method) for method in ("logits", "predict", "tensors", "from_tensors"))
    assert set(TrainedModel.__annotations__) <= set(module.MODEL.__dataclass_fields__)
    assert inspect.signature(module.fit_all).return_annotation == list[module.MODEL]
    assert not System(model=name, inputs=("audio",)).is_network


def test_every_classical_model_is_a_parameter():
    assert modules("training/baselines", r"^def fit_all\(") == set(get_args(Classical))
    assert modules("training/baselines", r"^MODEL\b") == set(get_args(Classical))


def test_modalities_are_the_same_everywhere():
    expected = sorted(get_args(Modality))
    sections = [section.model_fields["modality"].default for section in get_args(features.Input)]
    lists = [features.SECTIONS, MODALITIES, features.ORDER, features.TABLE_ORDER, sections]
    assert all(sorted(names) == expected for names in lists), lists
    assert set(expected) <= {path.name for path in (files.ROOT / "mer" / "features").iterdir()}


@pytest.mark.parametrize("modality", get_args(Modality))
def test_extractors_are_the_modules_of_their_modality(modality):
    assert modules(f"features/{modality}", r"^EXTRACTOR\b") == set(registry.names(modality))
    assert all(registry.extractor(modality, name) for name in registry.names(modality))
    assert any(f"`{name}`" in DOCS for name in registry.names(modality))


def test_extractors_with_a_network_may_use_a_gpu():
    for modality in get_args(Modality):
        for name in registry.names(modality):
            [(_, one)] = features.read_inputs({modality: with_weights(modality, name)}).items()
            trained = registry.extractor(modality, name).trained
            assert features.uses_networks({modality: one}, Transcripts()) == trained, name


def test_preflight_knows_the_extractors_of_opensmile_and_all_weights():
    folder = files.ROOT / "mer/features/audio"
    wrappers = {p.stem for p in folder.glob("*.py") if "= opensmile.extractor(" in p.read_text(encoding="utf-8")}
    assert wrappers == set(faults.OPENSMILE)
    networks = {name for name in registry.names("video") if registry.extractor("video", name).trained}
    with_files = set(get_args(VideoFeatures.model_fields["detector"].annotation)) - {"haar"}
    assert networks | with_files == set(weights.SOURCES)


def with_weights(modality, name):
    """Parameters with which an extractor is valid."""
    if name == "encoder":
        return {"extractor": name, "model": "some/model"}
    return {"extractor": name} | ({"weights": "a.pth"} if modality == "video" and name != "hog" else {})


def test_every_policy_is_a_table():
    assert values(Labels, "policy") == {*labels.POLICIES, data.OWN}


def test_columns_of_a_user_table_have_names():
    assert set(get_args(data.Column)) == set(columns.ALIASES)


def test_optimisers_of_the_parameters_are_those_of_both_engines():
    assert values(Training, "optimiser") == set(network_training.OPTIMISERS) == set(stacked_optimiser.MOMENTS)


def test_schedules_of_the_parameters_are_those_of_the_training():
    assert values(Training, "schedule") == set(progress.SCHEDULES)


def test_balances_of_the_parameters_are_those_of_the_losses():
    assert values(Training, "balance") == compared("training/networks/losses.py", "method")
    shares = np.array([0.25, 0.75])
    effects = {name: np.concatenate(losses.balance(shares, name)).tolist() for name in values(Training, "balance")}
    assert [name for name, effect in effects.items() if effect == [1, 1, 0, 0]] == ["none"]
    with pytest.raises(ValueError, match="does not exist"):
        losses.balance(shares, "other")


NETWORKS_AVERAGING = ("training/networks/network_training.py", "training/networks/averaging.py")
ENCODERS_AVERAGING = ("training/finetune/course.py", "training/networks/averaging.py")


@pytest.mark.parametrize("modules", [NETWORKS_AVERAGING, ENCODERS_AVERAGING, ("training/engines/stacked.py",)])
def test_averages_of_the_parameters_are_those_of_each_engine(modules):
    assert values(Training, "averaging") == set().union(*(compared(module, "averaging") for module in modules))


def test_targets_of_the_parameters_are_those_of_the_annotations():
    rows = pd.DataFrame({"corpus": ["a"], "emotion": ["anger"], "emotion_vector": [None]})
    assert values(Training, "targets") == {"hard", *annotations.training_targets(rows, {}, {}, ("anger", "fear"))}


def test_groups_of_the_normalisations_are_those_of_a_task():
    rows = pd.DataFrame({"corpus": ["a"], "speaker_id": ["s"], "split": ["train"], "fold": [0]})
    groups = set(get_args(normalisation.Group))
    assert groups == set(normalisation.GROUPS.values()) == set(jobs.normalisation_groups(rows))
    assert groups == set(get_args(get_args(PredictionSettings.__annotations__["adapt"])[0]))
    kinds = set(get_args(normalisation.Normalisation))
    assert kinds == {"none", "training", *normalisation.GROUPS, *normalisation.FITTED}


def test_engines_of_the_parameters_train():
    assert values(Compute, "engine") == {"auto", *grid.ENGINES}


def test_devices_of_the_parameters_are_those_of_torch():
    assert values(Compute, "device") == {"auto", *device.available()}
    assert set(grid.STACK_FLOATS) == set(device.available())


def test_protocols_of_the_parameters_are_planned():
    [protocols, _] = get_args(Evaluation.model_fields["protocols"].annotation)
    planned = set(get_args(cells.Protocol))
    assert set(get_args(protocols)) == planned - {"multi_corpus"}  # step 03 plans this one, whatever the study says
    assert set(Evaluation().protocols) == set(get_args(protocols)) - {"within_family"}
    rows = pd.DataFrame({
        "corpus": np.repeat(["a", "b"], 12), "family": np.repeat(["a", "b"], 12),
        "speaker_id": [f"{n // 2}" for n in range(24)], "utterance_id": [f"{n}" for n in range(24)],
        "fold": np.tile(np.repeat(np.arange(6), 2), 2), "emotion": ["anger", "fear"] * 12,
        "split": np.tile(["train"] * 8 + ["validation"] * 2 + ["test"] * 2, 2), "dialogue_id": None,
        "audio_sha256": [f"f{n}" for n in range(24)], "samples_sha256": [f"s{n}" for n in range(24)],
        "start": np.nan, "end": np.nan, "lexical_control": "free", "text_side": None, "transcription": None,
    })  # fmt: skip
    for name in planned - {"within_family"}:
        assert {cell.protocol for cell in cells.plan(rows, (name,), ["a", "b"])} == {name}
    of_one_family = rows.assign(family="f", episode=None)
    found = {cell.protocol for cell in cells.plan(of_one_family, ("within_family",), ["a", "b"])}
    assert found == {"within_family", cells.WITH_SHARED_EPISODES}


def test_detectors_of_the_parameters_can_be_opened():
    assert values(VideoFeatures, "detector") == set(detectors.DETECTORS)


def test_recognisers_of_the_parameters_and_of_the_command_transcribe():
    assert values(Transcripts, "recogniser") == {"none", *transcripts.RECOGNISERS}
    assert set(choices("--transcribe")) == set(transcripts.RECOGNISERS)


def test_voice_detectors_of_the_parameters_and_of_the_command_exist():
    assert values(Predict, "voice") == {"auto", *voice_activity.THRESHOLDS} == set(choices("--voice"))


def choices(option):
    """The values that an option of `python -m mer.predict` may have."""
    return next(a.choices for a in predict_command._parser()._actions if option in a.option_strings)


def test_parameters_that_took_the_place_of_former_ones_exist():
    for old, new in renamed.RENAMED.items():
        assert exists(new.split(".")), new
        assert not exists(old.split(".")), old


def exists(path):
    """Whether the parameters have a path; `features` and `systems` are mappings from names to sections."""
    section, *rest = path
    if section == "features":
        return rest in ([modality] for modality in get_args(Modality))
    if section == "systems":
        return rest[1] in System.model_fields
    field = Params.model_fields.get(section)
    return field is not None and (not rest or rest[0] in field.annotation.model_fields)


def test_metrics_have_titles_and_formulas():
    confusion, probabilities = np.eye(2, dtype=int) * 3, np.eye(2)[[0, 1, 1]]
    for name, metric in METRICS.items():
        arguments = (confusion,) if metric.reads == "confusions" else (np.array([0, 1, 1]), probabilities)
        assert np.isfinite(metric.function(*arguments)), name
        assert name == metric.name
        assert metric.title


@pytest.fixture
def results():
    """The results of a few predictions."""
    n = np.arange(24)
    rows = pd.DataFrame({
        "utterance_id": [f"a/{i}" for i in n], "family": "a", "speaker_id": [f"s{i // 4}" for i in n],
        "dialogue_id": None, "emotion": np.where(n % 2, "fear", "anger"), "test_corpus": "a", "system": "s",
        "protocol": "loco", "train_corpora": "z", "fold": 0, "seed": 0, "transductive": True, "flagged": True,
        "accepted": True, "capped": True, "lacks": "", "deterministic": False, "free": np.where(n % 3, "fear", "anger"),
        "restricted": "anger", "p_anger": 0.4, "p_fear": 0.6,
    })  # fmt: skip
    return scores.score(rows, Scoring(("anger", "fear"), {"a": "speaker_id"}), study="x")


def test_metrics_are_the_values_of_the_results(results):
    corrected = {f"{name}_chance_corrected" for name, metric in METRICS.items() if metric.chance_corrected}
    assert set(results["metric"]) == set(METRICS) | corrected


def test_flags_are_columns_of_the_results_with_a_symbol(results):
    assert list(results.columns) == scores.RESULT_COLUMNS
    assert list(results.select_dtypes(bool)) == flags.FLAGS
    assert results[flags.FLAGS].all(axis=None)
    keys = ["system", "test_corpus"]
    assert list(flags.with_flags(results[keys], results)) == [*keys, *flags.FLAGS]
    symbol = {"transductive": symbols.TRANSDUCTIVE, "flagged": symbols.BREACH, "accepted": symbols.ACCEPTED,
              "capped": symbols.CAPPED}  # fmt: skip
    assert set(symbol) == set(flags.FLAGS)
    assert len(set(symbol.values())) == len(symbol)
    for name in flags.FLAGS:
        names = pd.DataFrame({"system": ["s"], "test_corpus": ["a"]})
        shown = symbols.for_display(names, with_single_flag(results, name))
        assert symbol[name] in "".join(shown.iloc[0].astype(str)), name
        assert f"`{name}`" in DOCS


def with_single_flag(results, flag):
    """The results with this flag alone."""
    return results.assign(**{name: name == flag for name in flags.FLAGS})


def test_every_public_function_of_the_report_is_used():
    texts = {path: path.read_text(encoding="utf-8") for path in (files.ROOT / "mer").rglob("*.py")}
    texts |= {path: path.read_text(encoding="utf-8") for path in (files.ROOT / "notebooks").glob("*.ipynb")}
    for path in (files.ROOT / "mer" / "report").rglob("*.py"):
        others = "\n".join(text for other, text in texts.items() if other != path)
        for node in ast.parse(texts[path]).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert re.search(rf"\b{node.name}\b", others), f"{path.name}: {node.name}"


def test_steps_are_notebooks_with_a_row_in_the_documentation():
    notebooks = sorted(path.stem for path in (files.ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert re.findall(r"^\| `(\d\d_\w+)` \|", DOCS, re.M) == notebooks
    assert set(Params.model_fields["steps"].default) <= {name[:2] for name in notebooks}
    for path in (files.ROOT / "params").glob("*.yaml"):
        steps = yaml.safe_load(path.read_text(encoding="utf-8")).get("steps", [])
        assert set(steps) <= {name[:2] for name in notebooks}, path.name


def test_packages_have_a_row_in_the_architecture():
    rows = re.findall(r"^\| `(\w+)` \|", ARCHITECTURE, re.M)
    parts = {
        path.stem for path in (files.ROOT / "mer").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(rows) == sorted(parts - {"__init__"})


def test_files_named_in_the_architecture_exist():
    for name in re.findall(r"`((?:mer/|tests/)?[a-z_]+/[\w/]+\.(?:py|yaml))`", ARCHITECTURE):
        assert any((files.ROOT / root / name).exists() for root in ("", "mer")), name


def test_terms_of_the_glossary_are_defined_once():
    table = (files.ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    terms = [term for row in re.findall(r"^\| ([a-zA-Z, -]+) \| .+\.", table, re.M) for term in row.split(", ")]
    assert len(terms) == len(set(terms))
    assert {"utterance", "input", "system", "cell", "prediction", "breach"} < set(terms)


def test_headings_of_notebooks_that_the_documentation_names_exist():
    for number, heading in re.findall(r'notebook (\d\d), "([^"]+)"', DOCS):
        [path] = (files.ROOT / "notebooks").glob(f"{number}_*.ipynb")
        sources = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert any("".join(cell["source"]).startswith(f"## {heading}") for cell in sources), heading


def test_every_command_is_run_alike():
    mains = [*(files.ROOT / "mer").rglob("__main__.py"), files.ROOT / "run_all.py"]
    assert all(f"sys.exit({commands.__name__.split('.')[-1]}.run(main))" in path.read_text("utf-8") for path in mains)


def test_every_option_of_the_runner_is_on_its_page():
    page = (files.ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    options = {
        option for action in run_all._parser()._actions for option in action.option_strings if option[:2] == "--"
    }
    assert {option for option in options - {"--help"} if f"`{option}" not in page} == set()


def test_every_extra_is_on_its_page():
    project = tomllib.loads((files.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (files.ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    assert {name for name in project["optional-dependencies"] if f"| `{name}` |" not in page} == set()
