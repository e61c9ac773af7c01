"""The files that put Longcap on machines: written from templates and one set of facts (`cluster.facts`)."""

from __future__ import annotations

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
    """The text of every file."""
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
    texts = {
        name: environment.get_template(template).render(facts=facts, gpu=name.startswith("gpu"))
        for name, template in FILES.items()
    }
    return {name: _with_header(text) for name, text in texts.items()}


def write(facts: Facts, folder: Path, *, force: bool = False) -> list[Path]:
    """Write every file into `folder`; returns their paths.

    Args:
        force: replace files that this command did not write.

    Raises:
        FileExistsError: one of them is there and was not written by this command; nothing was written.
    """
    texts = {folder / name: text for name, text in render(facts).items()}
    check_own(texts, lambda path, found: found == texts[path].encode() or _HEADER.encode() in found, force=force)
    write_files(texts)
    for path in texts:
        if path.suffix == ".sh":
            path.chmod(0o755)
    return list(texts)


def _with_header(text: str) -> str:
    """The first line stays the first: it may name an interpreter."""
    first, rest = text.split("\n", 1)
    return f"{first}\n{_HEADER}\n{rest}"
