"""Tables over a bad network to a real S3 server: what was acknowledged is there once, whatever got lost on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from operators.core.base import ItemError
from operators.core.storage import files_below
from operators.store.commit import CommitSegments
from operators.store.store import Store
from tests.support import rows, s3
from tests.support.proxy import BadNetwork

WEATHER = {
    "slow": {"delay": 0.2},
    "connections that break": {"cut": 0.06, "reset": 0.06},
    "a server that is too busy": {"503": 0.08, "429": 0.08, "500": 0.04},
    "answers that get lost": {"lost answer": 0.08},
}


@pytest.mark.parametrize("weather", WEATHER)
def test_two_writers_over_a_bad_network_leave_every_row_once(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, weather: str
) -> None:
    place = f"{s3_server.uri}/{uuid.uuid4().hex}"
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    videos = [f"v{k}" for k in range(6)]
    Store(place).open_for("run")
    with BadNetwork(s3_server.endpoint, seed=7, rates=WEATHER[weather]) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.endpoint)

        def work(writer: str) -> list[tuple[str, int]]:
            """Both deliver everything, each in its own order; a commit that storage gave up is simply tried again."""
            gather, acknowledged = None, []
            order = videos if writer == "one" else videos[::-1]
            for video in order:
                batch = [rows.captioned(video, i) for i in (0, 1)]
                for _ in range(4):
                    try:
                        gather = gather or CommitSegments(place, "run", "here", writer=writer)
                        gather.commit(batch)
                    except ItemError as error:
                        assert error.failure_class == "storage"
                        continue
                    acknowledged += [(video, 0), (video, 1)]
                    break
            return acknowledged

        with ThreadPoolExecutor(2) as pool:
            acknowledged = {at for some in pool.map(work, ("one", "two")) for at in some}
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    found = Counter(
        (r["video_id"], r["segment_index"])
        for r in Store(place).segments.read(["video_id", "segment_index"]).to_pylist()
    )
    assert sum(network.happened.values()) > 3, "nothing happened: this test tests nothing"
    assert set(found.values()) == {1} and acknowledged <= set(found)
    assert acknowledged == {(v, i) for v in videos for i in (0, 1)}, "bounded retries should have seen this through"
    store = Store(place)
    store.segments.tidy(store.unswept(store.opened()))
    plain = [p for p in files_below(f"{place}/segments") if "/_delta_log/" not in p]
    assert len(plain) == len(store.segments.file_uris())


def test_a_server_that_is_not_there_is_storages_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("operators.core.storage._RETRY_S", 1)
    monkeypatch.setattr("operators.store.patience._PAUSE_S", 0.01)
    with pytest.raises(ItemError, match="storage: s3://bucket/out/segments: "):
        Store("s3://bucket/out").segments.read(["key"])


@pytest.mark.parametrize("wrong", ["key", "secret", "bucket"])
def test_what_is_refused_is_said_at_once(s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    uri = "s3://no-such-bucket/out" if wrong == "bucket" else f"{s3_server.uri}/refused"
    if wrong == "key":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "expired")
    if wrong == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    pauses: list[float] = []
    monkeypatch.setattr("operators.store.patience.time.sleep", pauses.append)
    with pytest.raises(ItemError, match="storage: s3://"):
        Store(uri).segments.fence()
    assert len(pauses) <= 4


def test_a_clock_that_is_off_is_said_at_once_with_what_to_do(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables read no clock; a server refuses signatures that are more than 15 minutes away from its own."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    pauses: list[float] = []
    monkeypatch.setattr("operators.store.patience.time.sleep", pauses.append)
    with BadNetwork(s3_server.endpoint, seed=1, rates={"skewed": 1.0}) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.endpoint)
        with pytest.raises(ItemError, match=r"storage: s3://.*too far apart \(RequestTimeTooSkewed\); set the clock"):
            Store(f"{s3_server.uri}/skewed").segments.fence()
    assert not pauses


def test_ten_minutes_off_change_nothing(s3_server: s3.S3Server) -> None:
    """A writer whose clock goes wrong either way, with the real libraries under another clock."""
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("the program `faketime` is not installed (Debian: apt install faketime)")
    place = f"{s3_server.uri}/{uuid.uuid4().hex}"
    work = (
        "import os, sys; from operators.store.commit import CommitSegments; from tests.support import rows;"
        "CommitSegments(sys.argv[1], 'run', 'here').commit([rows.captioned(sys.argv[2], i) for i in (0, 1)]);"
        "os._exit(0)"  # threads of the S3 libraries now and then abort an interpreter that winds down
    )
    # a clock on the wall that is wrong leaves the monotonic one alone, and libraries that wait by it
    environment = {**os.environ, **s3_server.environment, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    for skew in ("-10m", "+10m", "-5m"):
        command = [faketime, "-f", skew, sys.executable, "-c", work, place, f"v{skew}"]
        ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr[-2000:]
    read = (
        "import os, sys; from operators.store.store import Store;"
        "print(Store(sys.argv[1]).segments.read(['video_id']).num_rows, flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", read, place]
    told = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert told.stdout.strip() == "6", told.stderr[-2000:]
