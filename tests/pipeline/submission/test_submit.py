"""What is checked, packed and said before anything travels; a job server that answers but takes nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.submission.package import CODE, members_of, variables_of
from pipeline.terminal.errors import UsageError
from tests.support.command import ROOT

OUT = ["-o", "s3://bucket/out"]
NOWHERE = ["--address", "http://127.0.0.1:9"]  # the discard port: what fails before it is asked, failed here


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a user's own, not a checkout."""
    files = {
        "my.yaml": "extends: base/base.yaml\ncaption: {window_prompt: prompts/w.j2}\n",
        "base/base.yaml": "extends: measure\n",
        "prompts/w.j2": "{# version: 1 #}\nTell. {{ pictures }}",
        "list.csv": "uri\ns3://bucket/a.mp4\n",
        "videos/a.mp4": "",
        "out/dataset/part": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    assert main(["submit", *arguments]) == code
    told = capsys.readouterr().err.splitlines()
    assert "Traceback" not in "\n".join(told)
    return told[-1]


def test_what_travels_is_the_folder_without_data_and_output_and_our_code(folder: Path) -> None:
    members = members_of(folder, "out", code=True)
    own = {name for name in members if name.partition("/")[0] not in CODE}
    assert own == {"my.yaml", "base/base.yaml", "prompts/w.j2", "list.csv"}
    assert {"pipeline/__main__.py", "operators/prompts/window.j2", "configs/recipes/measure.yaml"} <= members.keys()
    assert not any(name.endswith((".pyc", ".safetensors")) for name in members)
    assert members_of(folder, None, code=False).keys() == own | {"out/dataset/part"}


def test_a_checkout_travels_as_it_is() -> None:
    members = members_of(ROOT, "s3://bucket/out", code=True)
    assert members["pipeline/cli/main.py"] == ROOT / "pipeline" / "cli" / "main.py"
    assert not any(name.startswith((".git/", ".venv/")) for name in members)


@pytest.mark.parametrize("code", [True, False])
def test_modules_that_would_replace_ours_pythons_or_a_dependencys_stay_here(
    folder: Path, capsys: pytest.CaptureFixture[str], code: bool
) -> None:
    staying = [
        "configs/__init__.py",
        "longcap.py",
        "numpy/__init__.py",
        "operators/mine.py",
        "pipeline.py",
        "random.py",
    ]
    for name in [*staying, "my_engine.py", "operators/notes.yaml", "tests/helper.py"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    members = members_of(folder, "out", code=code)
    assert {"my_engine.py", "operators/notes.yaml", "tests/helper.py", "my.yaml"} <= members.keys()
    assert not any(members.get(name) == folder / name for name in staying)
    assert not code or members["configs/__init__.py"] == ROOT / "configs" / "__init__.py"
    told = capsys.readouterr().err
    assert told.startswith(
        "note: configs/__init__.py, longcap.py, numpy/__init__.py, operators/mine.py, pipeline.py and"
    )
    assert len(told.splitlines()) == 1


def test_a_data_file_in_the_place_of_one_of_ours_is_refused(folder: Path) -> None:
    (folder / "configs" / "recipes").mkdir(parents=True)
    (folder / "configs" / "recipes" / "measure.yaml").touch()
    with pytest.raises(UsageError, match=r"configs/recipes/measure.yaml has the name of one of Longcap's files"):
        members_of(folder, None, code=True)


def test_variables_come_by_name_and_secrets_never_in_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.delenv("NOT_SET", raising=False)
    names = ["AWS_SECRET_ACCESS_KEY", "AWS_PROFILE=prod", "AWS_SHARED_CREDENTIALS_FILE=/mnt/secret/s3"]
    assert variables_of(names) == {
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_PROFILE": "prod",
        "AWS_SHARED_CREDENTIALS_FILE": "/mnt/secret/s3",
    }
    told = capsys.readouterr().err
    assert told.startswith("note: AWS_SECRET_ACCESS_KEY are sent") and "hush" not in told and "PROFILE" not in told
    for text in ("AWS_SECRET_ACCESS_KEY=hush", "HF_TOKEN=hush", "OPENAI_API_KEY=hush"):
        with pytest.raises(UsageError, match="must not be in a command line") as error:
            variables_of([text])
        assert "hush" not in str(error.value)
    with pytest.raises(UsageError, match="NOT_SET is not set here"):
        variables_of(["NOT_SET"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-c", "measure", "videos", *OUT], "INPUT videos is on this machine, and data is not sent"),
        (["-c", "measure", "videos/*.mp4", *OUT], "INPUT videos/*.mp4 is on this machine"),
        (["-c", "measure", "list.csv", "-o", "out"], "-o out is relative, and would be removed with the job"),
        (["-c", "measure", "s3://b/v"], "Missing option '-o' / '--out'"),
        (["-c", "measure", "s3://b/v", *OUT, "--folow"], "No such option '--folow'"),
        (["-c", "measure", "s3://b/v", *OUT, "--set", "caption.windw_s=3"], "caption.windw_s is not a known key"),
        (["-c", "measur", "s3://b/v", *OUT], "'measur' is no recipe; did you mean measure?"),
        (["my.yaml", "s3://b/v", *OUT], "INPUT my.yaml is a config: give it with -c my.yaml"),
        (["measure", "s3://b/v", *OUT], "INPUT measure is the name of a recipe: give it with -c measure"),
        (["s3://b/v", *OUT, "--json", "--follow"], "--json cannot be combined with --follow"),
        (["-c", "my.yaml", "s3://b/v", *OUT, "--runtime-env", "gone.yaml"], "--runtime-env gone.yaml cannot be read"),
        (["-c", "my.yaml", "s3://b/v", *OUT, "--runtime-env", "list.csv"], "--runtime-env list.csv is not a mapping"),
        (["-c", "my.yaml", "s3://b/v", *OUT, "--runtime-env", "list.yaml"], "env_vars is not a mapping such as {NAME"),
        (
            ["-c", "my.yaml", "s3://b/v", *OUT, "--runtime-env", "number.yaml"],
            "env_vars.DEBUG is not text; write it in",
        ),
        (["-c", "my.yaml", "s3://b/v", *OUT, "--working-dir", "gone"], "--working-dir gone: there is no such folder"),
        (["-c", "my.yaml", *OUT], "INPUT is missing"),
        (["--retry", "out"], "-o out is relative, and would be removed with the job"),
        (["--retry", "s3://b/out", "-c", "gone.yaml"], "gone.yaml"),
        (["--retry", "s3://b/out", "--segment", "x"], "Invalid value for '--segment'"),
        (["--retry", "s3://b/out", "--doctor"], "--doctor and --retry cannot be combined"),
    ],
)
def test_what_cannot_run_there_is_one_line_before_anything_travels(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (folder / "list.yaml").write_text("env_vars: [A, B]\n")
    (folder / "number.yaml").write_text("env_vars: {DEBUG: 1}\n")
    assert said in refused(capsys, *arguments, *NOWHERE)


def test_a_config_outside_and_a_prompt_that_is_ignored_do_not_travel(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "c.yaml"
    outside.write_text("extends: measure\n")
    assert "is not sent: give a path inside" in refused(capsys, "-c", str(outside), "list.csv", *OUT, *NOWHERE)
    (folder / ".rayignore").write_text("prompts/\n")
    told = refused(capsys, "-c", "my.yaml", "list.csv", *OUT, *NOWHERE)
    assert "no prompt 'prompts/w.j2'" in told and "in the package" in told
    (folder / ".rayignore").write_text("base/\n")
    assert "there is no config file" in refused(capsys, "-c", "my.yaml", "list.csv", *OUT, *NOWHERE)


def test_too_much_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "weights.bin").write_bytes(os.urandom(2**21))
    told = refused(capsys, "-c", "my.yaml", "list.csv", *OUT, *NOWHERE, "--max-upload-mb", "1")
    assert "the largest: weights.bin (2.0 MiB)" in told


def test_no_server_and_no_address_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no job server answers at http://127.0.0.1:9" in refused(
        capsys, "-c", "my.yaml", "list.csv", *OUT, *NOWHERE, code=1
    )
    assert "no cluster is given: give --address" in refused(capsys, "-c", "my.yaml", "list.csv", *OUT, code=1)
    for command in (["jobs"], ["logs", "x"], ["stop", "x"]):
        assert main([*command, *NOWHERE]) == 1
        assert "no job server answers at" in capsys.readouterr().err


@pytest.fixture
def locked() -> Iterator[str]:
    """A job server that wants a token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b"Unauthorized: Missing authentication token")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_wants_a_token_says_which(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--address", locked]) == 1
    assert "wants a token: set RAY_AUTH_TOKEN" in capsys.readouterr().err
