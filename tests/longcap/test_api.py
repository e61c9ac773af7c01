"""The Python API as a notebook uses it, on outputs that were committed without a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import longcap
from operators.store.store import Store
from pipeline.evaluation.exam import CHECKPOINT
from tests.support import rows
from tests.support import video as media
from tests.support.outputs import commit_run, with_changes


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """`talk` is a real file and told, `lost` failed, `new` is not narrated yet."""
    path = tmp_path / "talk.mp4"
    media.render(path, count=40, fps=10.0)
    videos = [
        rows.video("id-talk", uri=str(path), duration_s=4.0, source_version=""),
        rows.video("lost"),
        rows.video("new"),
    ]
    commit_run(Store(str(tmp_path / "out")), videos, failed={"lost"}, narrated={"id-talk"})
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["talk.mp4", "id-talk", "id-t", "uri", "path"])
def test_captions_of_a_video_are_a_frame_of_rows_by_any_of_its_names(out: Path, name: str) -> None:
    uri = out.parent / "talk.mp4"
    frame = longcap.open(out).segments({"uri": str(uri), "path": uri}.get(name, name))
    assert list(frame.columns[:5]) == ["level", "segment_index", "window_index", "start_s", "end_s"]
    assert (frame["level"] == "window").sum() == 12 and (frame["level"] == "frame").sum() == 60
    assert frame["start_s"].is_monotonic_increasing
    assert not frame.map(lambda value: isinstance(value, dict)).any().any()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tlak.mp4", r"no video 'tlak.mp4' in .*; did you mean talk.mp4"),
        ("neww.mp4", r"did you mean new.mp4"),
        ("lost", "has no captions: no frame"),
    ],
)
def test_a_video_without_captions_is_an_error_that_says_why(out: Path, name: str, says: str) -> None:
    with pytest.raises(longcap.UsageError, match=says):
        longcap.open(out).segments(name)


def test_one_video_has_its_caption_sections_and_frames(out: Path) -> None:
    talk = longcap.open(out)["talk.mp4"]
    assert talk.caption == "A video.\n\nIt goes on." and talk.duration_s == 4.0
    assert talk.sections.to_dict("records")[0] == {
        **{"start_s": 0.0, "end_s": 100.0, "topic": None, "text": "It goes on.", "windows": [0, 1]},
    }
    frames = talk.frames()
    assert [round(f.time_s, 2) for f in frames][:4] == [0.0, 1.0, 2.0, 3.0], "those that were captioned"
    assert frames._repr_html_().count("data:image/jpeg") == len(frames) == 5, "the last one is the video's"
    assert talk._repr_html_().count("data:image/jpeg") == 8
    assert "no long caption" in repr(longcap.open(out)["new"])
    with pytest.raises(longcap.UsageError, match="has no long caption: it is not done yet"):
        _ = longcap.open(out)["new"].caption


def test_what_a_notebook_shows_is_escaped(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    commit_run(Store(str(tmp_path / "out")), [rows.video("a", uri=f"/videos/{evil}.mp4")])
    output = longcap.open(tmp_path / "out")
    for shown in (output, output["a"], output.runs()):
        assert "<img src=x" not in shown._repr_html_()
    assert "&lt;img src=x" in output._repr_html_() and "no frames: " in output["a"]._repr_html_()


def test_two_configs_stand_side_by_side(out: Path, tmp_path: Path) -> None:
    other = Store(str(tmp_path / "other"))
    same = rows.video("id-talk", uri=str(tmp_path / "talk.mp4"))
    commit_run(other, [same], with_changes(narrate={"section_s": 30.0}))
    first, second = longcap.open(out)["talk.mp4"], longcap.open(other.uri)["talk.mp4"]
    second.row["caption"] = "A film.\n\nIt goes on and on."
    found = longcap.compare(first, second)
    assert found.similarity == pytest.approx(2 * 4 / (5 + 7))
    assert "<del>video.</del>" in found._repr_html_() and "<ins>film.</ins>" in found._repr_html_()
    with pytest.raises(longcap.UsageError, match="are two videos"):
        longcap.compare(first, longcap.open(out)["new"])


def test_paths_may_be_paths_and_overrides_stand_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("plan: {segment_s: 60}\n")
    config = longcap.load_config(path, "plan.window_s=8", ["plan.stride_s=4", "run.flush_s=0"])
    assert (config.plan.segment_s, config.plan.window_s, config.plan.stride_s) == (60, 8, 4)
    media.render(tmp_path / "v.mp4", count=5, fps=10.0)
    assert len(list(longcap.frames(tmp_path / "v.mp4", count=2))) == 2
    assert longcap.probe(tmp_path / "v.mp4", cuts=False).facts["duration_s"] == pytest.approx(0.5)


def test_a_run_takes_one_place_or_many_and_a_config_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[tuple[Any, ...]] = []

    class Job:
        def __init__(self, *given: Any, **_: Any) -> None:
            jobs.append(given)

        def plan(self, _: str | None) -> tuple[str, str]:
            return "plan", "remaining"

    monkeypatch.setattr("pipeline.execution.api.Job", Job)
    assert longcap.plan(tmp_path).plan == "plan"
    assert longcap.plan([tmp_path, "b"], tmp_path / "out", "measure").remaining == "remaining"
    (inputs, where, *_), (many, out, config, _) = jobs
    assert inputs == [str(tmp_path)] and not Path(where).exists(), "the folder of a plan without an output is gone"
    assert (many, out, config) == ([str(tmp_path), "b"], str(tmp_path / "out"), longcap.load_config("measure"))


Kind = Callable[[Path], str | Path]


def _run(kind: Kind, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = SimpleNamespace(status="done", unaccounted=[], failed={})
    monkeypatch.setattr("pipeline.execution.api.Job", lambda *_, **__: SimpleNamespace(run=lambda *_, **__: report))
    recipe = kind(out.parent / "recipe.yaml")
    for inputs in (kind(out.parent / "talk.mp4"), [kind(out.parent / "talk.mp4")]):
        assert longcap.run(inputs, kind(out), recipe).uri == str(out)


def _plan(kind: Kind, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.execution.api.Job", lambda *_, **__: SimpleNamespace(plan=lambda _: ("plan", "left")))
    assert longcap.plan(kind(out.parent), kind(out), kind(out.parent / "recipe.yaml")).plan == "plan"


def _open(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    output = longcap.open(kind(out))
    talk = kind(out.parent / "talk.mp4")
    assert output[talk].caption and len(output.segments(talk)) and output.find(talk)["video_id"] == "id-talk"
    assert len(longcap.Output(kind(out))) == 1


def _load_config(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    assert longcap.load_config(kind(out.parent / "recipe.yaml")).plan.segment_s == 60


def _frames(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    assert len(list(longcap.frames(kind(out.parent / "talk.mp4"), count=2))) == 2


def _probe(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    assert longcap.probe(kind(out.parent / "talk.mp4"), cuts=False).facts["duration_s"] == pytest.approx(4.0)


def _export_dataset(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    for given in (kind(out), longcap.open(out)):
        tokenizer = kind(CHECKPOINT / "tokenizer.json")
        report = longcap.export_dataset(given, "llava", kind(out.parent / "export"), tokenizer=tokenizer)
        assert report.samples == 1


def _check_export(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    longcap.export_dataset(str(out), "llava", str(out.parent / "export"))
    assert longcap.check_export(kind(out.parent / "export")) == []


def _index_output(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    assert longcap.index_output(kind(out), vectors=False)


def _search_output(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    longcap.index_output(str(out), vectors=False)
    assert longcap.search_output(kind(out), "goes", videos=[kind(out.parent / "talk.mp4")])
    with pytest.raises(longcap.UsageError, match="vectors"):
        longcap.search_output(kind(out), like=kind(out.parent / "talk.mp4"))


def _ask_output(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    longcap.index_output(str(out), vectors=False)
    assert longcap.ask_output(kind(out), "What goes on?", videos=[kind(out.parent / "talk.mp4")])


def _answer_questions(kind: Kind, out: Path, _: pytest.MonkeyPatch) -> None:
    longcap.index_output(str(out), vectors=False)
    (out.parent / "questions.jsonl").write_text('{"question": "What goes on?"}\n')
    assert longcap.answer_questions(kind(out), kind(out.parent / "questions.jsonl"), kind(out.parent / "answers"))


PLACES = {
    call.__name__[1:]: call
    for call in (
        *(_run, _plan, _open, _load_config, _frames, _probe, _export_dataset, _check_export, _index_output),
        *(_search_output, _ask_output, _answer_questions),
    )
}


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_text_or_a_path(name: str, kind: Kind, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (out.parent / "recipe.yaml").write_text("plan: {segment_s: 60}\n")
    PLACES[name](kind, out, monkeypatch)


def test_all_functions_with_places_are_called_with_both_kinds() -> None:
    functions = {name for name in longcap.__all__ if inspect.isfunction(getattr(longcap, name))}
    assert functions - {"compare"} == set(PLACES)


def test_an_interrupted_run_drains_and_then_raises(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = SimpleNamespace(status="interrupted", unaccounted=["new"], videos_narrated=1, videos_planned=3, failed={})
    monkeypatch.setattr("pipeline.execution.api.Job", lambda *_, **__: SimpleNamespace(run=lambda *_, **__: report))
    with pytest.raises(KeyboardInterrupt) as raised:
        longcap.run(out.parent, out)
    (line,) = raised.value._render_traceback_()  # type: ignore[attr-defined]
    assert line == (
        "Stopped: interrupted: 1 of 3 videos have a long caption; 1 video left. What was under way is committed, and "
        "the same call resumes from there"
    )


def test_no_strangers_cluster_is_joined(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **given: asked.append(given))
    monkeypatch.setattr(ray.data, "read_parquet", lambda *_, **__: "a dataset")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert longcap.open(out).to_ray() == "a dataset"
    assert [given["address"] for given in asked] == ["local"]


def test_the_public_names_are_all_there_and_nothing_else() -> None:
    assert dir(longcap) == sorted(longcap.__all__)
    assert all(getattr(longcap, name) is not None for name in longcap.__all__)
    assert longcap.__version__.count(".") >= 2
