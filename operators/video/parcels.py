"""Transfer of a job's result from the decoding process to its parent: large buffers in shared memory, the rest pickled.

The buffers (out-of-band buffers of pickle protocol 5: arrays, and bytes in a `PickleBuffer`) are written to one
anonymous file in memory, whose descriptor is sent over the socket. The parent maps it and returns views, so that a
frame is copied only once. The file has no name, so that nothing remains however either process ends. Because only a
short message is sent over the socket, a child that is killed does not leave its parent in the middle of a read.
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
"""The pickle, and the end of each buffer in the shared memory."""

_INLINE_BYTES = 64 * 1024  # a result without more than this needs no memory of its own


def pack(result: Any) -> tuple[Parcel, int | None]:
    """The message for `result`, and the descriptor that must be sent after it, or None."""
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
    """Restore the result. Its large buffers are views of memory that is freed with the last view."""
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
