from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cluster.package import check_size, files_of, find, write_zip


def _make(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_git_and_ray_ignore_at_any_level_stays_and_so_does_what_never_travels(tmp_path: Path) -> None:
    _make(
        tmp_path,
        {
            ".gitignore": "*.log\n!keep.log\n/only_here\n",
            ".git/config": "",
            ".venv/bin/python": "",
            "a/.rayignore": "big/\nsecret.txt\n",
            "a/big/x": "",
            "a/only_here": "",
            "a/secret.txt": "",
            "a/run.log": "",
            "keep.log": "",
            "only_here": "",
            "recipe.yaml": "",
            "secret.txt": "",
            "video.mp4": "",
            "out/part": "",
            "pkg/__pycache__/m.pyc": "",
        },
    )
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    found = files_of(tmp_path, ["*.mp4", "/out/"])
    assert found == [".gitignore", "a/.rayignore", "a/only_here", "keep.log", "recipe.yaml", "secret.txt"]


SECRETS = {
    **dict.fromkeys([".env", ".env.production", "prod.env", ".netrc", ".pypirc", ".npmrc", ".git-credentials"], "x"),
    **dict.fromkeys(["id_rsa", "id_ed25519.pub", "a/tls.pem", "a/TLS.KEY", "keys.kdbx", "store.p12", "token"], "x"),
    **dict.fromkeys(["my-credentials.json", "credentials", "Service_Account.json", "a/secrets.toml"], "x"),
    "a/renamed.json": '{"type": "service_account", "private_key": "x"}',
    "a/deploy": "-----BEGIN OPENSSH PRIVATE KEY-----\nx",
    "notes.txt": "[default]\naws_secret_access_key = x\n",
}
SECRET_FOLDERS = [".aws/", ".kube/", ".ssh/", ".config/gcloud/", ".docker/", ".huggingface/", "a/.aws/"]


def test_secrets_stay_and_are_named(tmp_path: Path) -> None:
    kept = ["a/credentials.py", "a/tokenizer.json", ".env.example", "keys.csv", "recipe.yaml", "environment.yml"]
    _make(tmp_path, {**SECRETS, **{f"{folder}x": "x" for folder in SECRET_FOLDERS}, **dict.fromkeys(kept, "a: 1")})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked.dat").symlink_to(tmp_path / ".aws" / "x")
    found = find(tmp_path)
    assert found.files == sorted(kept)
    assert found.secrets == sorted([*SECRETS, *SECRET_FOLDERS, "linked.dat"])


def test_a_secret_travels_where_rayignore_names_its_path(tmp_path: Path) -> None:
    _make(tmp_path, {".gitignore": "/*\n!.*\n!*.pem\n!a/\n!b.pem", ".rayignore": "!/a/ca.pem\n!.aws/\n!.aws/x\n!*\n"})
    _make(tmp_path, {"a/ca.pem": "x", "b.pem": "x", ".aws/x": "x", ".aws/credentials": "x"})
    found = find(tmp_path)
    assert found.files == [".aws/x", ".gitignore", ".rayignore", "a/ca.pem"]
    assert found.secrets == [".aws/credentials", "b.pem"]


def test_too_much_is_refused_and_the_largest_is_named(tmp_path: Path) -> None:
    _make(tmp_path, {"small": "x", "large": "x" * 5000, "larger": "x" * 9000})
    members = {name: tmp_path / name for name in ("small", "large", "larger")}
    assert check_size(members, 14_001) == 14_001
    with pytest.raises(ValueError, match=r"the largest: larger \(.*\), large \(.*, small .*\.rayignore") as error:
        check_size(members, 14_000)
    assert "\n" not in str(error.value)


def test_the_same_files_make_the_same_bytes_whatever_their_times(tmp_path: Path) -> None:
    _make(tmp_path, {"a": "text", "run.sh": "#!/bin/sh"})
    (tmp_path / "run.sh").chmod(0o755)
    members = {"b/a": tmp_path / "a", "run.sh": tmp_path / "run.sh"}
    write_zip(members, tmp_path / "1.zip")
    (tmp_path / "a").touch()
    write_zip(dict(reversed(members.items())), tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.namelist() == ["b/a", "run.sh"]
        assert archive.read("b/a") == b"text"
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o111
    (tmp_path / "a").write_text("other")
    write_zip(members, tmp_path / "3.zip")
    assert (tmp_path / "1.zip").read_bytes() != (tmp_path / "3.zip").read_bytes()
