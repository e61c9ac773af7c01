"""Detect files that hold secrets, by name, and small settings files by content. They are not uploaded."""

from __future__ import annotations

import re
from pathlib import Path

from pathspec import GitIgnoreSpec

PATTERNS = (
    *(".env", ".env.*", "*.env", "!.env.example", "!.env.sample", "!.env.template", ".envrc", ".secrets", "secrets/"),
    *("secrets.json", "secrets.y*ml", "secrets.toml", "secrets.ini", "client_secret*.json", ".streamlit/"),
    *(".aws/", ".azure/", ".kube/", ".ssh/", ".gnupg/", ".docker/", ".oci/", ".ray/", ".snowsql/", ".kaggle/"),
    *(".config/gcloud/", ".config/gh/", ".config/hub", ".config/rclone/", "gcloud/", ".huggingface/", "huggingface/"),
    *("credentials", ".credentials", "*credentials*.json", "*credentials*.y*ml", "*credentials*.toml"),
    *("*credentials*.ini", "*credentials*.csv", "*service*account*.json", "kaggle.json", ".cargo/credentials*"),
    *(".netrc", "_netrc", ".git-credentials", ".pypirc", ".npmrc", ".yarnrc*", ".dockercfg", ".dockerconfigjson"),
    *(".boto", ".s3cfg", ".passwd-s3fs", ".pgpass", ".my.cnf", ".htpasswd", ".vault-token", ".databrickscfg"),
    *(".modal.toml", "rclone.conf", "kubeconfig*", "*.kubeconfig", "*.tfstate", "*.tfstate.*", "*.tfvars"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore"),
    *("*.ppk", "*.gpg", "*.ovpn", "*.kdbx", "*.kdb", "*.agekey", "token", ".token", "*.token", "hf_token*"),
    *("*auth_token", ".*_history"),
)
"""Names in the syntax of a .gitignore, case-insensitive."""

_BY_NAME = GitIgnoreSpec.from_lines(PATTERNS)
_SETTINGS = frozenset({"", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".txt", ".properties", ".cnf"})
_MOST_BYTES = 64 * 1024
_CONTENT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"private_key\"\s*:|\"client_secret\"\s*:|\"refresh_token\"\s*:"
    rb"|^\s*(?:export\s+)?\"?aws_secret_access_key\"?\s*[=:]|^\s*\"?[a-z_]*api_key\"?\s*[=:]\s*[\"']?(?:sk-|hf_)",
    re.IGNORECASE | re.MULTILINE,
)


def is_secret_name(path: str) -> bool:
    """Return whether the name of a file, or of a folder with a trailing slash, suggests that it holds secrets.

    Args:
        path: relative, with forward slashes.
    """
    return _BY_NAME.match_file(path.lower())


def is_secret_file(path: str, file: Path) -> bool:
    """Return whether a file holds secrets, by its name, the name of its link target, or the content of a small file."""
    if is_secret_name(path):
        return True
    if file.is_symlink() and is_secret_name(str(file.resolve()).lstrip("/")):
        return True
    if file.suffix.lower() not in _SETTINGS:
        return False
    try:
        return file.stat().st_size <= _MOST_BYTES and _CONTENT.search(file.read_bytes()) is not None
    except OSError:
        return False
