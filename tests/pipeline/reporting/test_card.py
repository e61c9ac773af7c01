"""The dataset card: its front matter as hubs read it, its counts, and that it names only what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from operators.core import rows as schemas
from operators.store.commit import CommitDataset
from operators.store.store import Store
from pipeline.config.tables import fingerprint
from pipeline.reporting.card import card_tables, card_text, write_card
from pipeline.reporting.features import features
from tests.support import rows
from tests.support.outputs import CONFIG, commit_run, with_changes


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def card(store: Store) -> tuple[dict[str, Any], str]:
    """Front matter and text of OUT/README.md."""
    text = (store.read_file("README.md") or b"").decode()
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def told(store: Store, name: str, **changes: Any) -> None:
    CommitDataset(store.uri, "r", "here", "n").commit([rows.narrated(name, key=f"again-{name}", **changes)])


def test_the_front_matter_has_one_config_for_each_table_that_has_files(store: Store) -> None:
    commit_run(store, [rows.video("a"), rows.video("b")], failed={"b"})
    write_card(store)
    front, body = card(store)
    assert [c["config_name"] for c in front["configs"]] == ["dataset", "segments", "failures", "videos"]
    assert [c.get("default", False) for c in front["configs"]] == [True, False, False, False]
    for config in front["configs"]:
        (files,) = config["data_files"]
        assert files["split"] == "train" and list(Path(store.uri).glob(files["path"])), files
    assert "filtered" not in body, "no table is named that is not there"
    assert front["license"] == "unknown" and front["language"] == ["en"] and front["size_categories"] == ["n<1K"]
    assert "video-text-to-text" in front["task_categories"]
    assert "| with a long caption | 1 |" in body and "| with failures | 1 |" in body
    assert "1 videos have failures" in body and "The engine `measure` has no model" in body


def test_the_front_matter_describes_every_column(store: Store) -> None:
    commit_run(store, [rows.video("a")])
    write_card(store)
    described = {d["config_name"]: d["features"] for d in card(store)[0]["dataset_info"]}
    assert [f["name"] for f in described["dataset"]] == schemas.LONG_CAPTION.names
    assert [f["name"] for f in described["segments"]] == schemas.CAPTIONED_SEGMENT.names


def test_features_have_the_form_of_the_library_datasets() -> None:
    schema = pa.schema(
        [
            ("a", pa.string()),
            ("b", pa.float64()),
            ("c", pa.list_(pa.int32())),
            ("d", pa.list_(pa.struct([("x", pa.bool_()), ("y", pa.list_(pa.float64()))]))),
            ("e", pa.struct([("z", pa.timestamp("us", tz="UTC"))])),
        ]
    )
    assert features(schema) == [
        {"name": "a", "dtype": "string"},
        {"name": "b", "dtype": "float64"},
        {"name": "c", "list": "int32"},
        {"name": "d", "list": [{"name": "x", "dtype": "bool"}, {"name": "y", "list": "float64"}]},
        {"name": "e", "struct": [{"name": "z", "dtype": "timestamp[us, tz=UTC]"}]},
    ]


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        (["CC-BY-4.0", "cc-by-4.0"], "cc-by-4.0"),
        (["mit", "CC BY 4.0"], ["cc-by-4.0", "mit"]),
        (["mit", None], "other"),
        (["ours | <b>alone</b>", "mit"], "other"),
        ([None, None], "unknown"),
    ],
)
def test_licences_are_those_that_the_manifests_name(
    store: Store, said: list[str | None], licence: str | list[str]
) -> None:
    commit_run(store, [rows.video("a"), rows.video("b")])
    for name, one in zip("ab", said, strict=True):
        told(store, name, metadata=json.dumps({"license": one}))
    write_card(store)
    front, body = card(store)
    assert front["license"] == licence
    assert "<b>" not in body, "text of others is no markup"


def test_a_language_of_the_config_is_named_by_its_code(store: Store) -> None:
    german = with_changes(narrate={"language": "German"}, caption={"language": "German"})
    commit_run(store, [rows.video("a")], german)
    write_card(store)
    assert card(store)[0]["language"] == ["de"]


def test_the_card_names_the_configs_where_there_are_several(store: Store) -> None:
    commit_run(store, [rows.video("a"), rows.video("b")], run_id="20260101-a")
    write_card(store)
    assert "configs; the column" not in card(store)[1]
    other = with_changes(narrate={"section_s": 30.0})
    commit_run(store, [rows.video("b")], other, run_id="20260102-b")
    write_card(store)
    body = card(store)[1]
    for config, run_id in ((CONFIG, "20260101-a"), (other, "20260102-b")):
        assert f"\n| {fingerprint(config)} | 1 | measure | measure | `{run_id}` |\n" in body
    assert "made by 2 configs" in body


def test_a_readme_of_somebody_else_stays(store: Store) -> None:
    commit_run(store, [rows.video("a")])
    store.write_file("README.md", b"# Mine\n")
    said: list[str] = []
    write_card(store, said.append)
    assert store.read_file("README.md") == b"# Mine\n" and "was not changed" in said[0]


def test_an_empty_output_has_a_card_without_configs(store: Store) -> None:
    front = yaml.safe_load(card_text(store, card_tables(store)).split("---\n")[1])
    assert "configs" not in front and front["pretty_name"] == "Long captions of 0 videos"
