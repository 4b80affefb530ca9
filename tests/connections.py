"""Connections that leave this machine, found in what strace has written: `python -m tests.connections FILE…`.

strace -f -e trace=network -o FILE COMMAND
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CALLS = re.compile(r"\b(?:connect|bind|sendto|sendmsg|sendmmsg)\(.*?sa_family=(?P<family>AF_\w+)(?P<rest>[^}]*)")
"""The calls that name an address, and what they name."""
LOCAL_FAMILIES = ("AF_UNIX", "AF_NETLINK", "AF_UNSPEC")
"""Sockets of this machine, questions to its kernel, and the end of a connection."""
LOOPBACK = re.compile(r'inet_addr\("127\.|"::1"|"::ffff:127\.')
NAME_SERVICE = re.compile(r"_port=htons\(53\)")
"""The port of a name service: what asks one, even that of this machine, is about to connect."""


def outside(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of strace in which a process connects, sends or listens beyond this machine.

    >>> lines = ['7 connect(3, {sa_family=AF_UNIX, sun_path="/tmp/kernel-1"}, 110) = 0',
    ...          '7 connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
    ...          '7 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("18.1.2.3")}, 16) = 0']
    >>> list(outside(lines)) == lines[2:]
    True
    """
    for line in lines:
        match = CALLS.search(line)
        if match is None or match["family"] in LOCAL_FAMILIES:
            continue
        if NAME_SERVICE.search(match["rest"]) or not LOOPBACK.search(match["rest"]):
            yield line.rstrip("\n")


def main() -> int:
    """Print what is outside; return 1 if there is something, or if nothing was recorded."""
    found, calls = [], 0
    for path in sys.argv[1:]:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        calls += len(lines)
        found += outside(lines)
    print("\n".join(found) or f"{calls:,} calls of the network, all of them on this machine")
    return 1 if found or not calls else 0


if __name__ == "__main__":
    sys.exit(main())
