"""`jupyter lab` in the repository's root opens `start.ipynb`: an extension of the Jupyter server.

The installation of the package turns it on: it puts `landing.json` into the environment's `etc/jupyter`.
"""

from pathlib import Path

from mer import files

NOTEBOOK = "start.ipynb"
"""The notebook with the map of a study, in the repository's root."""
LAB = "/lab"
"""The address that JupyterLab opens unless it is given another one or a file."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: object) -> None:
    """Let JupyterLab open the notebook, if the server's folder is this repository and nothing else is to be opened."""
    if Path(server.root_dir).resolve() == files.ROOT and server.default_url.rstrip("/") == LAB:
        server.default_url = f"{LAB}/tree/{NOTEBOOK}"
