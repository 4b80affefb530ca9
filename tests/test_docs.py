"""The blocks of the README and of the pages in docs/: Python, studies, commands and links."""

import ast
import importlib
import re
import shlex

import pytest
import yaml

import mer
from mer import files, params

PAGES = [files.ROOT / "README.md", files.ROOT / "ARCHITECTURE.md", *sorted((files.ROOT / "docs").glob("*.md"))]
IDS = [path.stem for path in PAGES]
COMMANDS = {"python run_all.py": "run_all"} | {
    f"python -m {name}": f"{name}.__main__"
    for name in (
        "mer.corpora",
        "mer.dataset",
        "mer.evaluation",
        "mer.features",
        "mer.models",
        "mer.predict",
        "mer.report",
    )
}


def text(path):
    return path.read_text(encoding="utf-8")


def blocks(path, language):
    """The contents of the blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(path), re.M | re.S)


def prose(path):
    """A page without its blocks."""
    return re.sub(r"^```.*?^```$", "", text(path), flags=re.M | re.S)


def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text(path), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(path):
    """Every command of MER in a page: in blocks of bash, and in code within sentences and tables."""
    lines = [line for block in blocks(path, "bash") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`(python [^`]+)`", prose(path))
    for line in lines:
        for part in re.split(r"\s&&\s", line.split("  #")[0]):
            command = next((name for name in COMMANDS if part.startswith(f"{name} ")), None)
            if command and "…" not in part and "[" not in part.split("=")[0]:
                yield command, part.removeprefix(command).strip()


def test_the_readme_is_short():
    assert len(text(PAGES[0]).splitlines()) <= 160


def test_every_page_is_in_the_map_of_the_readme():
    readme = text(PAGES[0])
    assert [path.name for path in PAGES[2:] if f"(docs/{path.name})" not in readme] == []


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_links_of_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", prose(path)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), target


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_python_of_pages_compiles_and_names_exist(path):
    for block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mer":
                assert hasattr(mer, node.attr), node.attr


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_studies_of_pages_are_valid(path, tmp_path):
    for number, block in enumerate(blocks(path, "yaml")):
        study = {"corpora": ["emodb", "ravdess", "cremad"]} | yaml.safe_load(block)
        place = tmp_path / f"study{number}.yaml"
        place.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
        assert params.load(place).corpora


def test_messages_of_the_table_of_troubleshooting_are_those_of_the_code():
    """A user searches the page for the words of a message."""
    sources = [*(files.ROOT / "mer").rglob("*.py"), files.ROOT / "run_all.py"]
    everything = "".join(path.read_text(encoding="utf-8") for path in sources)
    everything = re.sub(r'"\s*\n\s*f?"', "", everything)  # literals that stand one after the other are one text
    rows = (files.ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split("\n\n")[1].splitlines()[2:]
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert len(messages) > 10
    for message in messages:
        missing = [part for part in map(str.strip, message.split("…")) if part.strip(" ():") not in everything]
        assert missing == [], message


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_commands_of_pages_have_these_options(path):
    for command, rest in command_lines(path):
        parser = importlib.import_module(COMMANDS[command])._parser()
        words = shlex.split(rest)
        try:
            parsed = vars(parser.parse_args(words))
        except SystemExit:
            pytest.fail(f"{command} {rest}")
        study = parsed.get("params") if command == "python run_all.py" else None
        if study and not study.startswith(("params/mine", "outputs/")):
            assert (files.ROOT / study).is_file(), rest
            assert params.load(study, parsed["set"], parsed["name"])


def test_commands_are_found_in_blocks_and_sentences(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("```bash\npip install x && python run_all.py params/a.yaml   # b\n```\n`python -m mer.report x`\n")
    assert list(command_lines(page)) == [("python run_all.py", "params/a.yaml"), ("python -m mer.report", "x")]
