"""A finished run as tables and models: `mer.load_run("outputs/demo")`."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mer import features, files, params, predict
from mer.dataset.manifest import schema
from mer.features import vectors
from mer.params import output_check
from mer.params.messages import near
from mer.params.schema import Params
from mer.predict import Predictor

STEP = {"data/manifest.parquet": "01", "data/features.json": "02", "data/inputs.parquet": "02"}
"""The step that writes a file of a run folder; results come from steps 03 and 04."""


def load_run(folder: str | Path) -> "FinishedRun":
    """Return a run folder, as `run_all.py` writes it, ready to be read.

    Args:
        folder: the run folder, such as `outputs/demo`, relative to the current folder or to the repository.

    Raises:
        ValueError: the folder is no run folder; the message names those that exist.
        ParamsError: its parameters are those of another version.
    """
    path = Path(folder) if Path(folder).is_dir() else files.from_root(folder)
    if not (path / "params.yaml").is_file():
        folders = sorted(files.to_root(file.parent) for file in (files.ROOT / "outputs").glob("*/params.yaml"))
        raise ValueError(f"{files.to_root(path)}: is no run folder, because it has no params.yaml; "
                         f"run folders: {', '.join(folders) or 'none; run python run_all.py'}")  # fmt: skip
    return FinishedRun(path.resolve(), params.load(path / "params.yaml"))


class FinishedRun:
    """The tables and models of a run folder. Each is read when it is first used, and checked against its step.

    Args:
        folder: the run folder.
        study: the parameters of the study.
    """

    def __init__(self, folder: Path, study: Params) -> None:
        self.folder, self.params = folder, study

    def __repr__(self) -> str:
        return f"FinishedRun({files.to_root(self.folder)!r}: {', '.join(self.params.corpora)})"

    def _repr_html_(self) -> str:
        """The steps with their state, and the scores on held-out corpora if there are any; Jupyter shows it."""
        from mer.api.overview import study_map
        from mer.report.tables.scores import loco_table

        steps = study_map(self.folder)._repr_html_()
        try:
            results = self.results
        except FileNotFoundError:
            return steps
        if not (results["protocol"] == "loco").any():
            return steps
        return f"{steps}<h4>UAR on held-out corpora (LOCO)</h4>{loco_table(results).to_html()}"

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """A row per utterance; those with an `exclude_reason` are not used (mer/dataset/manifest/schema.py)."""
        return pd.read_parquet(self._path("data/manifest.parquet"))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the study's inputs, which `features` takes."""
        return tuple(self.params.features)

    def features(self, name: str) -> pd.DataFrame:
        """Return the vectors of an input, with a row per usable utterance and a column per dimension.

        Args:
            name: one of `inputs`.

        Returns:
            float32 with the index `utterance_id`; NaN if an utterance lacks the input. Of an input that keeps frames,
            the mean over frames.

        Raises:
            ValueError: the study has no such input.
        """
        if name not in self.params.features:
            raise ValueError(f"{name!r} is no input of this study{near(name, self.inputs)}: {', '.join(self.inputs)}")
        specs = files.read_json(self._path("data/features.json"))["specs"]
        ids = schema.usable(self.manifest)["utterance_id"]
        keys = features.read_keys(self._path("data/inputs.parquet"), ids)
        loaded = features.load({name: keys[name]}, files.from_root(self.params.data.store), {name: specs[name]})
        values = np.array(loaded.vectors(name, np.arange(len(ids))), dtype=np.float32)
        values[~loaded.present[name]] = np.nan
        names = vectors.dimension_names(self.params.features[name], values.shape[1])
        return pd.DataFrame(values, index=pd.Index(ids, name="utterance_id"), columns=names)

    @cached_property
    def results(self) -> pd.DataFrame:
        """Every score, a row each (outputs/README.md). A row without `seed` is the mean over seeds."""
        return self._results("results")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row per prediction, from which every score can be computed again."""
        return self._results("predictions")

    @property
    def models(self) -> "Models":
        """The trained models by name; each is a function of a path (`mer.predict`)."""
        return Models(self.folder / "checkpoints")

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the folder `tables`, such as `comparison` or `shortcuts`.

        Raises:
            ValueError: there is no such table.
        """
        folder = self.folder / "tables"
        names = sorted({path.stem for path in folder.glob("*.*") if path.suffix in (".csv", ".parquet")})
        if name not in names:
            raise ValueError(f"{name!r} is no table of this run{near(name, names)}: {', '.join(names) or 'none'}")
        path = folder / f"{name}.parquet"
        if path.is_file():
            return pd.read_parquet(self._path(f"tables/{path.name}"))
        return pd.read_csv(self._path(f"tables/{name}.csv"))

    def _results(self, kind: str) -> pd.DataFrame:
        name = f"tables/{kind}.parquet"
        if (self.folder / name).is_file():
            return pd.read_parquet(self._path(name))
        parts = sorted((self.folder / "tables/steps").glob(f"*_{kind}.parquet"))
        if not parts:
            raise FileNotFoundError(self._missing(name, "03"))
        return pd.concat([pd.read_parquet(self._path(f"tables/steps/{part.name}")) for part in parts],
                         ignore_index=True)  # fmt: skip

    def _path(self, name: str) -> Path:
        """Return the path of a file of the run.

        Raises:
            FileNotFoundError: names the step that writes it.
            OutputChanged: it is not what its step wrote.
        """
        if not (self.folder / name).is_file():
            raise FileNotFoundError(self._missing(name, STEP.get(name, "03")))
        output_check.check(self.folder, name)
        return self.folder / name

    def _missing(self, name: str, step: str) -> str:
        place = files.to_root(self.folder)
        return f"{place}/{name} does not exist: python run_all.py {place}/params.yaml --steps {step}"


class Models(Mapping):
    """The checkpoints of a folder by name. A checkpoint is loaded when it is first used.

    Args:
        folder: the folder of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Predictor:
        if name not in list(self):
            names = ", ".join(self) or "none, because no step has trained one"
            raise KeyError(f"{name!r} is no model{near(name, self)}: {names}")
        return predict.load(self.folder / name)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.parent.name for path in self.folder.glob("*/model.json")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return f"Models({', '.join(self)})"

    def _repr_html_(self) -> str:
        """What each model is and was trained on; Jupyter shows it."""
        from mer.training.checkpoints.folder import open_checkpoint

        cards = {name: open_checkpoint(self.folder / name).card for name in self}
        rows = {name: (card.model, ", ".join(card.inputs), ", ".join(card.corpora), ", ".join(card.classes))
                for name, card in cards.items()}  # fmt: skip
        columns = ["model", "inputs", "trained on", "classes"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).to_html()
