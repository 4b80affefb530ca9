"""The page that records and takes files, and the scripts that it loads."""

from pathlib import Path

from mer.html_pages import frame
from mer.predict.predictor import Predictor
from mer.predict.serve import server

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own scripts and the pages of predictions."""


def html(model: Predictor) -> str:
    """Return the page for a model."""
    template = frame.environment(FOLDER).get_template("page.html.j2")
    return template.render(
        title=f"Predict · {model.card.name}", banner="", has_script=False, card=model.card, notes=model.notes,
        inputs=list(model.inputs), reads_text="text" in model.inputs.values(), max_bytes=server.MAX_UPLOAD_BYTES,
        max_text=server.MAX_TEXT_CHARACTERS, suffixes=",".join(sorted(server.SUFFIXES)),
    )  # fmt: skip


def part(name: str) -> bytes:
    """Return a script of the page.

    Args:
        name: one of `server.PARTS`.
    """
    return (FOLDER / name).read_bytes()
