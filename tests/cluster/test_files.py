from __future__ import annotations

import copy
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.facts import Facts, facts
from cluster.files import FILES, render, write
from pipeline.cli.main import main
from pipeline.config.load import load_config
from tests.support.command import ROOT

KUBERNETES = "1.31"
CRDS = "LONGCAP_TEST_KUBERAY_CRDS"  # folder with ray.io_rayjobs.yaml and ray.io_rayclusters.yaml

OTHER = facts(
    [
        *(
            "name=mine",
            "image=registry/me/longcap",
            "ray_version=2.61.0",
            "gpu_gpus=8",
            "gpu_workers=3",
            "cpu_workers=0",
        ),
        *("idle_minutes=1", "gpu_memory_gib=512", "out=s3://mine/out", "object_store_share=0.5"),
    ]
)


@pytest.fixture(params=[Facts(), OTHER], ids=["defaults", "other"])
def given(request: pytest.FixtureRequest) -> Facts:
    found: Facts = request.param
    return found


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def test_the_files_in_the_checkout_are_what_is_written(tmp_path: Path) -> None:
    written = {path.name: path.read_text() for path in write(Facts(), tmp_path)}
    assert sorted(written) == sorted(FILES)
    assert written == {path.name: path.read_text() for path in (ROOT / "deploy").iterdir()}, "run: longcap files deploy"
    assert (tmp_path / "slurm.sh").stat().st_mode & 0o111


def test_files_of_others_are_replaced_only_by_force(tmp_path: Path) -> None:
    write(OTHER, tmp_path)
    write(Facts(), tmp_path)  # its own files with other facts
    (tmp_path / "slurm.sh").write_text("mine")
    (tmp_path / "gpu.Dockerfile").unlink()
    with pytest.raises(FileExistsError, match=r"slurm.sh exists"):
        write(Facts(), tmp_path)
    assert (tmp_path / "slurm.sh").read_text() == "mine"
    assert not (tmp_path / "gpu.Dockerfile").exists(), "it is decided before anything is written"
    assert main(["files", str(tmp_path)]) == 2
    assert main(["files", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "slurm.sh").read_text() != "mine"


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    write(Facts(), tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "slurm.sh").symlink_to(tmp_path / "one" / "slurm.sh")
    with pytest.raises(FileExistsError):
        write(OTHER, tmp_path / "two")
    write(OTHER, tmp_path / "two", force=True)
    assert (tmp_path / "one" / "slurm.sh").read_text() == render(Facts())["slurm.sh"]


def test_the_page_tells_every_fact() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    for fact in fields(Facts):
        assert f"| `{fact.name}` | `{fact.default}` | {fact.metadata['means']} |" in page


def test_the_versions_are_ones_that_the_project_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ray = next(Requirement(text) for text in project["dependencies"] if text.startswith("ray"))
    assert ray.specifier.contains(Facts().ray_version)
    assert f"Python :: {Facts().python}" in " ".join(project["classifiers"])


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_ray_takes_the_launchers_files(given: Facts, cloud: str) -> None:
    config = yaml.safe_load(render(given)[f"ray-{cloud}.yaml"])
    full = prepare_config(copy.deepcopy(config))
    validate_config(full)
    types = full["available_node_types"]
    assert (types["cpu"]["max_workers"], types["gpu"]["max_workers"]) == (given.cpu_workers, given.gpu_workers)
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu"]["resources"]["GPU"] == given.gpu_gpus
    assert types["gpu"]["docker"]["worker_image"] == f"{given.image}:gpu"
    with pytest.raises(Exception, match="nonsense"):
        validate_config({**full, "nonsense": 1})


def cluster_specs(given: Facts) -> dict[str, dict[str, Any]]:
    files = render(given)
    job, cluster = (yaml.safe_load(files[f"kuberay-{kind}.yaml"]) for kind in ("job", "cluster"))
    assert (job["kind"], cluster["kind"]) == ("RayJob", "RayCluster")
    assert job["spec"]["submissionMode"] in ("K8sJobMode", "HTTPMode", "InteractiveMode")  # the CRD takes any word
    return {"job": job["spec"]["rayClusterSpec"], "cluster": cluster["spec"]}


def test_kubernetes_takes_every_pod(given: Facts) -> None:
    for spec in cluster_specs(given).values():
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, **group["template"]}
            kubernetes_validate.validate(pod, KUBERNETES, strict=True)
            wrong = copy.deepcopy(pod)
            wrong["spec"]["containers"][0]["resource"] = {}
            with pytest.raises(kubernetes_validate.ValidationError):
                kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_what_the_files_share_is_the_same_in_all(given: Facts) -> None:
    specs = cluster_specs(given)
    assert specs["job"] == specs["cluster"]
    spec = specs["job"]
    cpu, gpu = spec["workerGroupSpecs"]
    assert spec["rayVersion"] == given.ray_version
    assert spec["autoscalerOptions"]["idleTimeoutSeconds"] == 60 * given.idle_minutes
    assert spec["autoscalerOptions"]["upscalingMode"] in ("Default", "Aggressive", "Conservative")
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert (cpu["minReplicas"], cpu["maxReplicas"]) == (0, given.cpu_workers)
    assert (gpu["minReplicas"], gpu["maxReplicas"]) == (0, given.gpu_workers)
    files = render(given)
    for name in ("cpu.Dockerfile", "gpu.Dockerfile"):
        assert f'"ray[data,default]=={given.ray_version}"' in files[name]
        assert f"FROM python:{given.python}-" in files[name]
    assert f"-o {given.out}" in yaml.safe_load(files["kuberay-job.yaml"])["spec"]["entrypoint"]
    for group, memory_gib, gpus in ((cpu, given.cpu_memory_gib, 0), (gpu, given.gpu_memory_gib, given.gpu_gpus)):
        container, volumes = group["template"]["spec"]["containers"][0], group["template"]["spec"]["volumes"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert int(container["resources"]["limits"].get("nvidia.com/gpu", 0)) == gpus
        assert container["image"] == f"{given.image}:{'gpu' if gpus else 'cpu'}"
        assert container["envFrom"][0]["secretRef"]["name"] == given.secret
        shm = next(v["emptyDir"] for v in volumes if v["name"] == "shm")
        assert shm["medium"] == "Memory"
        store = int(group["rayStartParams"]["object-store-memory"])
        assert store < int(shm["sizeLimit"].removesuffix("Mi")) * 2**20 < memory_gib * 2**30
        tolerated = {t["key"] for t in group["template"]["spec"]["tolerations"]}
        assert ("nvidia.com/gpu" in tolerated) == bool(gpus)


def test_kuberay_takes_job_and_cluster_by_its_own_definition(given: Facts) -> None:
    folder = os.environ.get(CRDS)
    if not folder:
        pytest.skip(f"{CRDS} names no folder with KubeRay's CRDs")
    import jsonschema

    for kind in ("job", "cluster"):
        crd = yaml.safe_load((Path(folder) / f"ray.io_ray{kind}s.yaml").read_text())
        version = next(v for v in crd["spec"]["versions"] if v["name"] == "v1")
        schema = strict(version["schema"]["openAPIV3Schema"])
        resource = yaml.safe_load(render(given)[f"kuberay-{kind}.yaml"])
        jsonschema.Draft202012Validator(schema).validate(resource)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate({**resource, "spec": {**resource["spec"], "nonsense": 1}})


def strict(schema: Any) -> Any:
    """A CRD's schema as JSON Schema that refuses unknown fields, as the API server does."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
    properties = schema.get("properties")
    if isinstance(properties, dict) and "type" in schema:
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
        needed = [name for name in schema.get("required", ()) if "default" not in properties.get(name, {})]
        made["required"] = needed
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    return made


def test_linters_take_the_scripts(given: Facts, tmp_path: Path) -> None:
    write(given, tmp_path)
    # packages of Debian and our own extras have their versions from elsewhere
    lint = [tool("hadolint"), "--ignore", "DL3008", "--ignore", "DL3013"]
    if not Path(lint[0]).exists():
        pytest.skip("hadolint is not there for this platform")
    for command in ([tool("shellcheck"), "slurm.sh"], [*lint, "cpu.Dockerfile", "gpu.Dockerfile"]):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    for name in ("cpu.Dockerfile", "gpu.Dockerfile"):
        for source in re.findall(r"^COPY (.*) \S+$", (tmp_path / name).read_text(), re.MULTILINE):
            for path in source.split():
                assert (ROOT / path).exists(), f"{name} copies {path}, which is not in the checkout"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("gpu_worker=3", "NAME one of name, image"),
        ("gpu_workers=many", "gpu_workers is 'many'; it must be like 8"),
        ("gpu_workers=-1", "must be like 8"),
        ("gpu_workers=true", "must be like 8"),
        ("image=", "must be like 'longcap'"),
        ("gpu_workers", "of the form NAME=VALUE"),
        ("name=My_Cluster", "must be like 'longcap': a-z, 0-9 and -, a letter first"),
        ("name=123", "a letter first"),
        (f"name={'a' * 48}", "at most 47 characters"),
        ("image=me/longcap:latest", "an image without a tag"),
        ("ray_version=latest", "a version of three numbers"),
        ("python=3", "a version of two or three numbers"),
        ("secret=My Secret", "a name of Kubernetes"),
        ("gcp_project=a, b", "a-z, 0-9, - and ."),
        ("aws_profile=a b", "a name of AWS"),
        ("slurm_partition=a b", "several with commas"),
        ("slurm_time=tomorrow", "[D-]HH:MM:SS"),
        ("out=-rf", "does not begin with -"),
        ("source=a\nb", "one line of text"),
        ('config=a"b', 'no "'),
        ("object_store_share=1.5", "must be like 0.3: above 0 and below 1"),
        ("object_store_share=1", "above 0 and below 1"),
        ("object_store_share=0", "above 0 and below 1"),
        ("object_store_share=.nan", "above 0 and below 1"),
        ("object_store_share=0.001", "of 16 GiB of memory: Ray's object store needs at least 75 MiB"),
        ("drain_s=32768", "a whole number from 1 to 32767"),
        ("slurm_nodes=0", "a whole number from 1"),
    ],
)
def test_a_wrong_fact_is_one_clear_line(override: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"must be|of the form|needs") as error:
        facts([override])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_cluster_has_workers() -> None:
    with pytest.raises(ValueError, match="both 0"):
        facts(["cpu_workers=0", "gpu_workers=0"])


def test_a_version_is_text() -> None:
    assert facts(["python=3.12", "object_store_share=0.5"]) == Facts(python="3.12", object_store_share=0.5)


PLACES = ("/data/it's", "/data/my videos", "a $HOME `id` it's", "/d/*.mp4", "/d/$(id)", "~/é #&;|<>(){}[]!?", "'")
ODD = {  # texts that a reader may take for something else
    **{f.name: ("true", "null", "1e3", "0x1f", "12") for f in fields(Facts) if isinstance(f.default, str)},
    **{"config": PLACES, "source": PLACES[1:], "out": PLACES[2:]},
    "name": ("true", "null", "on"),
    "ray_version": ("2.61.0rc1",),
    "python": ("3.12", "3.11.9"),
    "slurm_partition": ("true", "12", "a,b"),
    "slurm_time": ("12", "1-0", "UNLIMITED"),
    "aws_profile": ("a,b", "@me", "=x", "true"),
}
MARKS = {name: f"x{k}q" for k, name in enumerate(ODD)}
MARKS |= {"ray_version": "9.8.7", "python": "3.99", "slurm_time": "77:07:07"}


def overridden(values: dict[str, str]) -> Facts:
    return facts([f"{name}={value}" for name, value in values.items()])


def read_yaml(given: Facts) -> dict[str, Any]:
    return {name: yaml.safe_load(text) for name, text in render(given).items() if name.endswith(".yaml")}


def filled(found: Any, values: dict[str, str]) -> Any:
    """`found` with these values in place of their marks in all its texts."""
    if isinstance(found, dict):
        return {key: filled(one, values) for key, one in found.items()}
    if isinstance(found, list):
        return [filled(one, values) for one in found]
    for name, value in values.items() if isinstance(found, str) else ():
        found = found.replace(MARKS[name], value)
    return found


def words_of(script: str, line: str) -> list[str]:
    """The words of a line as bash reads it after a script."""
    command = ["bash", "-c", f"{script}\nprintf '%s\\0' {line}"]
    return subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


@pytest.mark.parametrize("turn", range(len(PLACES)))
def test_any_text_that_is_allowed_reaches_its_readers(turn: int) -> None:
    values = {name: odd[turn % len(odd)] for name, odd in ODD.items()}
    given, marked = overridden(values), read_yaml(overridden(MARKS))
    found = read_yaml(given)
    entrypoints = [files["kuberay-job.yaml"]["spec"].pop("entrypoint") for files in (found, marked)]
    assert found == filled(marked, values)
    submitted = words_of("", entrypoints[0])
    run = words_of("", subprocess.list2cmdline(submitted))  # as `ray job submit` hands it to the head's shell
    assert run[:7] == ["longcap", "run", "-c", given.config, given.source, "-o", given.out]
    script = render(given)["slurm.sh"]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    places = "\n".join(line for line in script.splitlines() if line.startswith(("CONFIG=", "INPUT=", "OUT=")))
    assert words_of(places, '"$CONFIG" "$INPUT" "$OUT"') == [given.config, given.source, given.out]


def test_a_run_is_told_what_its_cluster_may_grow_to(given: Facts) -> None:
    files = render(given)
    job = yaml.safe_load(files["kuberay-job.yaml"])["spec"]
    command = shlex.split(job["entrypoint"])
    assert command[:2] == ["longcap", "run"]
    config = load_config("measure", [command[command.index("--set") + 1]])
    kinds = {"cpu": (given.cpu_workers, given.cpu_cpus, 0), "gpu": (given.gpu_workers, given.gpu_cpus, given.gpu_gpus)}
    told = [(t.max, t.num_cpus, t.num_gpus) for t in config.resources.node_types]
    assert told == [kind for kind in kinds.values() if kind[0]]
    groups = [g for g in job["rayClusterSpec"]["workerGroupSpecs"] if g["maxReplicas"]]
    for kind, group in zip(config.resources.node_types, groups, strict=True):
        memory = group["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
        store = int(group["rayStartParams"]["object-store-memory"])
        assert 0 < kind.memory_bytes < int(memory.removesuffix("Gi")) * 2**30 - store
    for name in ("kuberay-cluster.yaml", "ray-aws.yaml", "ray-gcp.yaml"):
        assert f"--set 'resources.node_types={given.node_types}'" in files[name]
