"""What all commands share: the console, and a reader that closes the pipe."""

import os
import sys
from collections.abc import Callable

CLOSED_PIPE = 141
"""The exit code of a command whose reader has closed the pipe, as shells report it (128 + SIGPIPE)."""


def run(main: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    A console that lacks a character shows a question mark. If the reader of the output closes the pipe, as `head` does,
    the command ends without a message.

    Args:
        main: function of the command, which returns its exit code and lets a BrokenPipeError pass.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):  # the interpreter writes what is left when it ends
            os.dup2(nowhere, stream.fileno())
        return CLOSED_PIPE
