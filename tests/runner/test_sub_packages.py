"""The sub-packages of the runner import in one direction, and the runner knows nothing about emotions."""

import re

from mer import files

ROOMS = ("steps", "staleness", "reporting", "execution", "compare", "transfer")
FOLDER = files.ROOT / "mer/runner"


def test_sub_packages_import_only_from_those_before_them():
    assert {path.name for path in FOLDER.iterdir() if (path / "__init__.py").is_file()} == set(ROOMS)
    for path in FOLDER.rglob("*.py"):
        place = path.relative_to(FOLDER).parts
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"^\s*from mer\.runner\.(\w+)", text, re.M)) & set(ROOMS)
        used |= set(re.findall(r"^\s*from mer\.runner import .*?\b(\w+)$", text, re.M)) & set(ROOMS)
        allowed = ROOMS[: ROOMS.index(place[0]) + 1] if len(place) > 1 else ()
        assert used <= set(allowed), path


def test_the_runner_uses_no_word_about_emotions():
    for path in FOLDER.rglob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert not re.search(r"emotion|corpus|corpora|speaker|utterance|emodb|modality", text), path
