"""Write the deployment files from templates and one set of facts (`cluster.facts`)."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cluster.facts import Facts
from cluster.own_files import check_own, write_files

FILES = {
    "cpu.Dockerfile": "Dockerfile.j2",
    "gpu.Dockerfile": "Dockerfile.j2",
    "kuberay-cluster.yaml": "kuberay-cluster.yaml.j2",
    "kuberay-job.yaml": "kuberay-job.yaml.j2",
    "ray-aws.yaml": "ray-aws.yaml.j2",
    "ray-gcp.yaml": "ray-gcp.yaml.j2",
    "slurm.sh": "slurm.sh.j2",
}
"""File -> template."""

_HEADER = "# Written by `longcap files`, which replaces it."


def render(facts: Facts) -> dict[str, str]:
    """Return the text of every file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        comment_start_string="<#",  # bash has {# in ${#list[@]}
        comment_end_string="#>",
        autoescape=False,
    )
    environment.filters |= {"shell": shlex.quote, "yaml": _yaml, "entrypoint": _entrypoint}
    texts = {
        name: environment.get_template(template).render(facts=facts, gpu=name.startswith("gpu"))
        for name, template in FILES.items()
    }
    return {name: _with_header(text) for name, text in texts.items()}


def write(facts: Facts, folder: Path, *, force: bool = False) -> list[Path]:
    """Write every file into `folder`; return their paths.

    Args:
        force: replace files that this command did not write.

    Raises:
        FileExistsError: one of them exists and was not written by this command; nothing was written.
    """
    texts = {folder / name: text for name, text in render(facts).items()}
    check_own(texts, lambda path, found: found == texts[path].encode() or _HEADER.encode() in found, force=force)
    write_files(texts)
    for path in texts:
        if path.suffix == ".sh":
            path.chmod(0o755)
    return list(texts)


def _yaml(text: str) -> str:
    """Quote a scalar, so that no reader takes `true`, `123` or `1e3` for something else than text."""
    return json.dumps(text, ensure_ascii=False)


def _entrypoint(text: str) -> str:
    """Quote a word of a RayJob's entrypoint, which two shells read.

    KubeRay's submitter passes the entrypoint to `ray job submit` through a shell; that joins the words by
    `subprocess.list2cmdline`, which puts a word with spaces in double quotes and leaves others as they are; and the
    head runs the line in a shell again. `facts` refuses double quotes and backslashes, which it would change.
    """
    special = r"[$`]" if " " in text else r"[^\w@%+=:,./-]"
    return shlex.quote(re.sub(f"({special})", r"\\\1", text))


def _with_header(text: str) -> str:
    """Keep the first line first, since it may name an interpreter."""
    first, rest = text.split("\n", 1)
    return f"{first}\n{_HEADER}\n{rest}"
