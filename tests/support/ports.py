"""TCP ports of this machine: free ones for a server that a test starts, and one at which nothing ever listens.

Both stay out of the range of outgoing connections (from 32,768), in which any process may get a port meanwhile, and of
the ports of Ray's workers (10,002 to 19,999).
"""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from functools import cache

_FIRST, _END = 20_000, 32_768
_DRAW = random.SystemRandom()  # not seeded: several test processes draw at the same time


def free_ports(count: int, *, neighbours: Sequence[int] = ()) -> list[int]:
    """Return distinct ports on which nothing listens.

    Args:
        neighbours: offsets of further ports that a server uses beside each of them.
    """
    found: list[int] = []
    for _ in range(10_000):
        if len(found) == count:
            return found
        port = _DRAW.randrange(_FIRST, _END - max(neighbours, default=0))
        if port not in found and all(_free(port + offset) for offset in (0, *neighbours)):
            found.append(port)
    raise RuntimeError(f"there are no {count} free ports from {_FIRST} to {_END - 1}")


def free_port() -> int:
    """Return a port on which nothing listens."""
    return free_ports(1)[0]


@cache
def _dead() -> socket.socket:
    """A bound socket that does not listen: as long as it is open, connections are refused and nobody gets its port."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    return found


def dead_port() -> int:
    """Return a port of 127.0.0.1 that refuses connections until this process ends."""
    return int(_dead().getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
