"""Nothing is connected to that was not asked for. `.ci/security` checks whole processes, with strace."""

import contextlib
import socket
import sys

import pytest
import soundfile

from mer.predict.__main__ import main
from tests import connections
from tests.predict.conftest import RATE, save_linear, tone

EVENTS = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
          "socket.gethostbyname")  # fmt: skip
"""The events of Python's audit that name an address."""
_recorders: list[list] = []
"""Where events are written to: a hook stays for the life of the process."""


def _record(event, arguments):
    if event in EVENTS:
        for one in _recorders:
            one.append((event, *arguments))


@contextlib.contextmanager
def recorded():
    """Record every connection of this process, in all its threads."""
    if not hasattr(socket, "_recorded_by_tests"):
        sys.addaudithook(_record)
        socket._recorded_by_tests = True
    found = []
    _recorders.append(found)
    try:
        yield found
    finally:
        _recorders.remove(found)


def test_connections_are_recorded():
    with recorded() as found, contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
        one.connect(("127.0.0.1", 9))
        socket.getaddrinfo("127.0.0.1", 9)
    assert [event for event, *_ in found] == ["socket.connect", "socket.getaddrinfo"]


def test_a_prediction_connects_to_nothing(tmp_path):
    model = save_linear(tmp_path / "model")
    soundfile.write(tmp_path / "a.wav", tone(1.5), RATE)
    options = ["--model", str(model), "--out", str(tmp_path / "a.csv"), "--voice", "energy", "--html"]
    with recorded() as found:
        code = main([str(tmp_path / "a.wav"), *options])
    assert (code, found) == (0, [])


LINES = {
    '5 connect(4, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2a04::1", &sin6_addr)}, 28) = 0': 1,
    '5 connect(4, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0': 0,
    '5 sendto(4, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 1': 1,
    '5 connect(4, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0': 1,
    '5 connect(4, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("9.9.9.9")}, 16 <unfinished ...>': 1,
    '5 sendmsg(4, {msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("8.8.8.8")}}, 0) = 1': 1,
    '5 bind(4, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 16) = 0': 1,
    "5 bind(4, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0": 0,
    "5 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 4": 0,
}


@pytest.mark.parametrize(("line", "count"), LINES.items())
def test_what_leaves_the_machine_is_found_in_a_line_of_strace(line, count):
    assert len(list(connections.outside([line]))) == count


@pytest.mark.parametrize(("text", "code"), [("", 1), ("\n".join(LINES), 1), (list(LINES)[1], 0)])
def test_the_check_fails_without_records(tmp_path, monkeypatch, capsys, text, code):
    (tmp_path / "strace").write_text(text)
    monkeypatch.setattr(sys, "argv", ["connections", str(tmp_path / "strace")])
    assert connections.main() == code
    assert capsys.readouterr().out.strip()
