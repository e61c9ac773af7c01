"""The notebook of the docs, run as a reader runs it, and what a notebook shows of errors and of completion."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import longcap
from tests.support.command import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "quickstart.ipynb"
_COMPLETIONS = """
from IPython.core.completer import provisionalcompleter
with provisionalcompleter():
    print(*[c.text for c in get_ipython().Completer.completions("longcap.", 8)])
"""
_MISTAKES = {  # what is run -> the one line that it shows
    "longcap.open('nowhere')": "UsageError: there is no output at nowhere",
    "longcap.load_config('measure', 'window_s=8')": "UsageError: window_s is not a known key .*did you mean",
    "longcap.open(OUT)['story.mp4']": "UsageError: no video 'story.mp4' .*; did you mean story-1.mp4",
    "longcap.open(OUT).segments('story.mp4')": "UsageError: no video 'story.mp4' .*; did you mean story-1.mp4",
    "next(longcap.frames('gone.mp4', [0]))": "ItemError: unreadable: ",
    "raise longcap.Stopped('interrupted: 1 of 2 videos')": "Stopped: interrupted: 1 of 2 videos",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Source of each cell -> its outputs; the notebook runs unchanged."""
    folder = tmp_path_factory.mktemp("notebook")
    command = folder / "bin" / "longcap"  # as an installed one would be found
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{ROOT}/longcap/start.py" longcap "$@"\n')
    command.chmod(0o755)
    book = nbformat.read(NOTEBOOK, as_version=4)
    for source in (_COMPLETIONS, *_MISTAKES):
        book.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]}))
    environment = {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("RAY_ADDRESS", None)
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return {cell.source: cell.outputs for cell in book.cells if cell.cell_type == "code"}


def test_every_cell_runs_and_nothing_is_written_to_stderr(outputs: dict[str, Any]) -> None:
    for source, found in outputs.items():
        if source not in _MISTAKES:
            assert not [o for o in found if o.output_type == "error"], source
            assert not [o for o in found if o.get("name") == "stderr"], source


def test_results_captions_frames_and_comparisons_show_themselves(outputs: dict[str, Any]) -> None:
    html = {
        source: o["data"]["text/html"]
        for source, some in outputs.items()
        for o in some
        if "text/html" in o.get("data", {})
    }
    shown = {
        part: next(h for source, h in html.items() if part in source)
        for part in ("longcap.run(", "OUT)[", "frames(6)", "compare")
    }
    assert "1 of 1 video has a long caption" in shown["longcap.run("] and "story-1.mp4" in shown["longcap.run("]
    assert shown["OUT)["].count("data:image/jpeg;base64,") == 8
    assert shown["frames(6)"].count("data:image/jpeg;base64,") == 6
    assert "of the words are the same" in shown["compare"]


def test_progress_is_a_widget(outputs: dict[str, Any]) -> None:
    (run,) = (some for source, some in outputs.items() if source.startswith("config = "))
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in run)


def test_a_mistake_in_a_cell_is_one_line(outputs: dict[str, Any]) -> None:
    for source, says in _MISTAKES.items():
        (error,) = outputs[source]
        assert len(error["traceback"]) == 1 and re.match(says, error["traceback"][0]), error["traceback"]


def test_completion_shows_the_public_names_and_nothing_else(outputs: dict[str, Any]) -> None:
    (printed,) = outputs[_COMPLETIONS]
    assert set(printed["text"].split()) == set(longcap.__all__) - {"__version__"}
    assert dir(longcap) == sorted(longcap.__all__)


def test_one_line_says_where_it_runs(outputs: dict[str, Any]) -> None:
    code = "\n".join(outputs)
    assert len(re.findall(r"^ADDRESS = ", code, re.MULTILINE)) == 1
    calls = re.findall(r"longcap\.(?:run|plan)\(.*\)", code)
    assert len(calls) == 3 and all("address=ADDRESS" in call for call in calls)


def test_the_command_that_the_notebook_names_is_in_the_docs() -> None:
    book = nbformat.read(NOTEBOOK, as_version=4)
    (command,) = re.findall(r"jupyter execute \S+", book.cells[0].source)
    assert command in Path(ROOT, "docs", "notebook.md").read_text()
    assert not any(cell.get("outputs") for cell in book.cells), "outputs are not committed"
