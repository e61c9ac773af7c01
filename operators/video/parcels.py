"""Carries a job's result from the decoding process to its parent: large buffers in shared memory, the rest by pickle.

The buffers (pickle's protocol 5: arrays, and bytes in a `PickleBuffer`) are written one after the other into one
anonymous file in memory whose descriptor travels over the socket. The parent maps it and hands out views: a picture is
copied once in all. The file has no name, so that nothing is left over however either process ends; and because only a
short message crosses the socket, a child that is stopped halfway never leaves its parent in the middle of a read.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import tempfile
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

Parcel = tuple[bytes, list[int]]
"""The pickle, and where in the shared memory each buffer ends."""

_INLINE_BYTES = 64 * 1024  # a result without more than this needs no memory of its own


def pack(result: Any) -> tuple[Parcel, int | None]:
    """What to send for `result`: the parcel, and the descriptor that must follow it if there is one."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(result, protocol=5, buffer_callback=buffers.append)
    pieces = [buffer.raw() for buffer in buffers]
    if len(head) + sum(piece.nbytes for piece in pieces) <= _INLINE_BYTES:
        return (pickle.dumps(result, protocol=5), []), None
    file = _memory_file()
    ends = [0]
    for piece in [memoryview(head), *pieces]:
        view = piece
        while view.nbytes:
            view = view[os.write(file, view) :]
        ends.append(ends[-1] + piece.nbytes)
    return (b"", ends), file


def unpack(connection: Connection[Any, Any], parcel: Parcel) -> Any:
    """The result; its large buffers are views of memory that lives as long as they do."""
    head, ends = parcel
    if not ends:
        return pickle.loads(head)
    file = receive_descriptor(connection)
    try:
        shared = memoryview(mmap.mmap(file, ends[-1]))
    finally:
        os.close(file)
    pieces = [shared[a:b] for a, b in pairwise(ends)]
    return pickle.loads(pieces[0], buffers=pieces[1:])


def send_descriptor(connection: Connection[Any, Any], file: int) -> None:
    """Send an open file after a message, and close it here."""
    with socket.socket(fileno=os.dup(connection.fileno())) as channel:
        socket.send_fds(channel, [b"f"], [file])
    os.close(file)


def receive_descriptor(connection: Connection[Any, Any]) -> int:
    """The open file that follows a message.

    Raises:
        EOFError: the other side is gone.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as channel:
        _, files, _, _ = socket.recv_fds(channel, 1, 1)
    if not files:
        raise EOFError("no file came with the message")
    return files[0]


def _memory_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("longcap", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix="longcap-") as file:
        return os.dup(file.fileno())
