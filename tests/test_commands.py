"""What all commands share: a reader that closes the pipe, and the console."""

import os
import re
import subprocess
import sys

import pytest

from mer import commands, files

TABLE = "id,speaker,emotion,split\n" + "".join(f"{n},s{n % 4},{('anger', 'fear')[n % 2]},train\n" for n in range(40))


def closed_pipe(*arguments, stderr=subprocess.PIPE):
    """Run a command whose reader has closed the pipe; return exit code and error messages."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, *map(str, arguments)], stdout=writer, stderr=stderr or writer, text=True,
                          cwd=files.ROOT, env=environment)  # fmt: skip
    os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "mer.corpora", "list"),
        ("-m", "mer.corpora", "status"),
        ("-m", "mer.corpora", "--help"),
        ("-m", "mer.evaluation", "--help"),
        ("-m", "mer.features", "--help"),
        ("-m", "mer.models", "--help"),
        ("-m", "mer.predict", "--help"),
        ("-m", "mer.report", "--help"),
        ("run_all.py", "--list"),
        ("run_all.py", "--explain"),
        ("run_all.py", "--help"),
    ],
)
def test_closed_pipe_ends_a_command_without_a_message(arguments):
    assert closed_pipe(*arguments) == (commands.CLOSED_PIPE, "")


def test_closed_pipe_ends_the_audit_without_a_message(tmp_path):
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    assert closed_pipe("-m", "mer.dataset", "audit", tmp_path / "table.csv") == (commands.CLOSED_PIPE, "")


def test_closed_pipe_for_errors_ends_a_command():
    assert closed_pipe("-m", "mer.corpora", "download", "iemocap", stderr=None) == (commands.CLOSED_PIPE, None)


def test_reader_of_the_first_line_gets_it_and_the_command_ends_without_a_message():
    line = f"{sys.executable} -m mer.corpora list | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, cwd=files.ROOT)
    assert done.returncode in (0, commands.CLOSED_PIPE)  # 0 if everything was written before the pipe was closed
    assert re.match(r"id +corpus .*\n$", done.stdout)
    assert done.stderr == ""


def test_character_that_the_console_lacks_is_replaced():
    program = "import sys; from mer import commands; sys.exit(commands.run(lambda: print('a … b') or 3))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=files.ROOT,
                          env={**os.environ, "PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (3, [b"a", b"?", b"b"])
