"""The files that put Longcap on machines: written from templates and one set of facts (`cluster.facts`)."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cluster.facts import Facts

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
    return {
        name: environment.get_template(template).render(facts=facts, gpu=name.startswith("gpu"))
        for name, template in FILES.items()
    }


def write(facts: Facts, folder: Path) -> list[Path]:
    """Write every file into `folder`, over what is there; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in render(facts).items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        if name.endswith(".sh"):
            path.chmod(0o755)
        written.append(path)
    return written
