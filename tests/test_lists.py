"""Lists in different places that must agree: a name that is added on one side only fails here.

The lists of corpora are tied in tests/corpora/test_catalogue.py.
"""

import importlib
import json
import re
from typing import get_args

import numpy as np
import pytest
import yaml

from mer import files, models
from mer.dataset.manifest import labels
from mer.evaluation.scores import flags, scores
from mer.features import registry
from mer.models.fusion import Fusion
from mer.params.schema import Labels, Params
from mer.params.section import Modality
from mer.params.systems import Classical, Network, System
from mer.report.style import symbols
from mer.stats import METRICS

ARCHITECTURE = (files.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
README = (files.ROOT / "README.md").read_text(encoding="utf-8")


def modules(folder, pattern):
    """Names of the modules of a package whose source has a line that matches."""
    paths = (files.ROOT / "mer" / folder).glob("*.py")
    return {path.stem for path in paths if re.search(pattern, path.read_text(encoding="utf-8"), re.M)}


@pytest.mark.parametrize("name", get_args(Network))
def test_network_of_the_parameters_is_a_module(name):
    network = importlib.import_module(f"mer.models.networks.{name}").NETWORK
    assert issubclass(network, Fusion)
    assert isinstance(models.build(name, models.Inputs({"audio": 8, "text": 8}), 7, hidden=8, dropout=0.1), network)


def test_every_network_is_a_parameter():
    assert modules("models/networks", r"^NETWORK = ") == set(get_args(Network))


def test_every_classical_model_can_be_trained():
    assert modules("training/baselines", r"^def fit\(") == set(get_args(Classical))
    assert all(not System(model=name, inputs=("audio",)).is_network for name in get_args(Classical))


def test_every_modality_has_extractors():
    assert set(registry._SECTIONS) == set(get_args(Modality))
    for modality in get_args(Modality):
        assert all(registry.extractor(modality, name) for name in registry.names(modality))
        assert any(f"`{name}`" in README for name in registry.names(modality)), modality


def test_every_policy_is_a_table():
    assert set(get_args(Labels.model_fields["policy"].annotation)) == set(labels.POLICIES)


def test_metrics_have_titles_and_formulas():
    confusion, probabilities = np.eye(2, dtype=int) * 3, np.eye(2)[[0, 1, 1]]
    for name, metric in METRICS.items():
        given = (confusion,) if metric.reads == "confusions" else (np.array([0, 1, 1]), probabilities)
        assert np.isfinite(metric.function(*given)), name
        assert name == metric.name
        assert metric.title


def test_flags_are_columns_with_a_symbol():
    assert set(flags.FLAGS) < set(scores.RESULT_COLUMNS)
    signs = {"transductive": symbols.TRANSDUCTIVE, "flagged": symbols.BREACH, "accepted": symbols.ACCEPTED}
    assert set(signs) == set(flags.FLAGS)
    assert len(set(signs.values())) == len(signs)
    assert all(f"`{name}`" in README for name in flags.FLAGS)


def test_steps_are_notebooks_with_a_row_in_the_readme():
    notebooks = sorted(path.stem for path in (files.ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert re.findall(r"^\| `(\d\d_\w+)` \|", README, re.M) == notebooks
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


def test_words_of_the_glossary_are_defined_once():
    table = ARCHITECTURE.split("## Glossary")[1].split("\n## ")[0]
    words = [word for row in re.findall(r"^\| ([a-zA-Z, -]+) \| .+\.", table, re.M) for word in row.split(", ")]
    assert len(words) == len(set(words))
    assert {"utterance", "input", "system", "cell", "prediction", "breach"} < set(words)


def test_headings_of_notebooks_that_the_readme_names_exist():
    for number, heading in re.findall(r'notebook (\d\d), "([^"]+)"', README):
        [path] = (files.ROOT / "notebooks").glob(f"{number}_*.ipynb")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert any("".join(cell["source"]).startswith(f"## {heading}") for cell in cells), heading
