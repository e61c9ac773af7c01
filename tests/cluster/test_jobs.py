"""What the client makes of what a job server says; a scripted server, for states that a real one rarely shows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cluster import jobs
from cluster.jobs import Jobs, NoSuchJob


class Server:
    """A job server with one job; `states` are told one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []
        self.log = ""
        self.broken = 0  # so many answers to come are errors
        self.sent: dict[str, Any] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/api/version":
                    return self.answer({"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""})
                if server.broken:
                    server.broken -= 1
                    return self.answer({}, 500)
                if self.path == "/api/jobs/":
                    return self.answer([server.state()])
                if self.path == "/api/jobs/j/logs":
                    return self.answer({"logs": server.log})
                if self.path == "/api/jobs/j":
                    return self.answer(server.state())
                return self.answer({}, 404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                server.sent = json.loads(body) if body else {}
                self.answer({}, 500)

            def answer(self, body: Any, code: int = 200) -> None:
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode() if code == 200 else json.dumps(server.sent).encode())

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def state(self) -> dict[str, Any]:
        told = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        base = {"type": "SUBMISSION", "submission_id": "j", "entrypoint": "exec python", "driver_node_id": "n"}
        return {**base, "message": "", "start_time": 1_700_000_000_000, **told}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(jobs, "_POLL_S", 0.01)
    monkeypatch.setattr(jobs, "_READ_S", 0.01)
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.mark.parametrize(
    ("state", "log", "code", "said"),
    [
        ({"status": "SUCCEEDED", "driver_exit_code": 0}, "", 0, "done"),
        ({"status": "FAILED", "driver_exit_code": 2}, "", 2, "failed: the driver ended with exit code 2"),
        ({"status": "FAILED", "driver_exit_code": -9}, "", 137, "failed: SIGKILL ended the driver"),
        (
            {"status": "FAILED", "message": "no such\nimage"},
            "",
            1,
            "failed without a driver's exit code: no such image",
        ),
        ({"status": "STOPPED"}, "x\nlongcap: exit code 1\n", 1, "stopped; the driver ended by itself with exit code 1"),
        ({"status": "STOPPED"}, "x\n", 137, "stopped; the driver did not end in time and was killed"),
        ({"status": "STOPPED", "driver_node_id": None}, "", 130, "stopped before it began"),
    ],
)
def test_how_a_job_ended(server: Server, state: dict[str, Any], log: str, code: int, said: str) -> None:
    server.states, server.log = [state], log
    ending = Jobs(server.address).ending("j")
    assert (ending.code, ending.said) == (code, said)
    assert Jobs(server.address).stop("j", wait_s=1.0) == ending


def test_following_goes_on_through_errors_and_without_a_stream(server: Server) -> None:
    client = Jobs(server.address)
    running = {"status": "RUNNING"}
    server.states = [running, running, {"status": "SUCCEEDED", "driver_exit_code": 0}]
    server.log, server.broken = "one\ntwo\n", 3
    written: list[str] = []
    assert client.follow("j", written.append).code == 0
    assert "".join(written) == "one\ntwo\n"


def test_following_gives_up_when_nothing_answers_and_says_that_the_job_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_LOST_S", 0.1)
    client = Jobs(server.address)
    server.states, server.broken = [{"status": "RUNNING"}], 10**6
    with pytest.raises(ConnectionError, match="the job keeps running"):
        client.follow("j", lambda _: None)


def test_a_job_that_does_not_stop_and_one_that_is_not_there(server: Server) -> None:
    server.states = [{"status": "RUNNING"}]
    client = Jobs(server.address)
    with pytest.raises(NoSuchJob, match="knows no job x: longcap jobs lists them"):
        client.state("x")
    [listed] = client.all()
    assert (listed.id, listed.status, listed.exit_code, listed.is_over) == ("j", "RUNNING", None, False)


def test_an_address_that_is_given_counts_before_the_environments(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    assert Jobs(server.address).address == server.address
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", server.address)
    assert Jobs(None).address == server.address
    assert Jobs(server.address.removeprefix("http://")).address == server.address


def test_what_a_server_says_of_a_refusal_shows_no_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    client = Jobs(server.address)
    package = tmp_path / "p.zip"
    package.write_bytes(b"x")
    monkeypatch.setattr(
        client._client, "_upload_working_dir_if_needed", lambda env: env.update(working_dir="gcs://p.zip")
    )
    with pytest.raises(ConnectionError) as error:  # this server's refusals repeat what they were sent
        client.send(
            ["python", "-c", "print('a b')"],
            package=package,
            variables={"KEY": "hush-hush"},
            stop_s=45.0,
            metadata={"out": "s3://b/o"},
            runtime_env={"env_vars": None},  # `env_vars:` in YAML
        )
    assert server.sent["entrypoint"] == """exec python -c 'print('"'"'a b'"'"')'"""
    assert server.sent["runtime_env"]["env_vars"] == {"KEY": "hush-hush", "RAY_JOB_STOP_WAIT_TIME_S": "45"}
    assert "refuses" in str(error.value) and "KEY" in str(error.value) and "hush-hush" not in str(error.value)
