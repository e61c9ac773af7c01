"""Index, search and ask from Python and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from typing import Any, Literal

from markupsafe import Markup

from operators.core.fingerprint import identity
from operators.engines.base import EngineSpec
from operators.engines.template import MeasureEngine
from pipeline.config.types import Config
from pipeline.monitoring.progress import clock
from pipeline.output.notebook import shown, table
from pipeline.output.output import Output
from pipeline.retrieval import frames
from pipeline.retrieval.answers import Answered, Question, commit_answers, read_questions
from pipeline.retrieval.ask import STRATEGIES, Answer, Asking, Strategy
from pipeline.retrieval.index import Index, Updated
from pipeline.retrieval.search import Hit, Mode, opened, search
from pipeline.sources.location import check_outside, output_uri
from pipeline.terminal.errors import UsageError

Place = str | PathLike[str]


class Hits(list[Hit]):
    """Moments, best first; notebooks show them as a table."""

    def _repr_html_(self) -> str:
        rows = [[hit.name, f"{clock(hit.start_s)} to {clock(hit.end_s)}", hit.level, shown(hit.text)] for hit in self]
        return str(Markup("{}").format(table(("video", "time", "level", "text"), rows)))


def index_output(
    out: Place | Output, *, vectors: bool | None = None, say: Callable[[str], None] = lambda _: None
) -> Updated:
    """Make the index of an output or bring it up to date; an interrupted call is resumed by the next one.

    Args:
        out: an output or its location.
        vectors: whether the index has sentence embeddings beside the full text. None keeps what an existing index has;
            a new index has them if the extra `grounding` is installed.
        say: called with one line of progress at a time.

    Raises:
        UsageError: the output does not exist, or an extra is not installed.
        RunFailed: another process is updating this index.
    """
    output = out if isinstance(out, Output) else Output(out)
    return Index(output.uri).update(output, vectors=vectors, say=say)


def search_output(
    out: Place | Output,
    query: str | None = None,
    *,
    k: int = 5,
    mode: Mode | Literal["frames"] | None = None,
    levels: Sequence[str] = (),
    videos: Place | Sequence[Place] = (),
    like: Place | None = None,
    span: tuple[float, float] | None = None,
    table: str | None = None,
    config: Config | None = None,
) -> Hits:
    """Return the moments of an output that fit a query best, best first.

    A text is compared with the captions in the index. An image, a clip, or a text with mode "frames" is compared with
    the frame vectors that a recipe with the step `embed` has made; this needs no index.

    Args:
        out: an output or its location.
        query: a text; None if `like` is given.
        k: maximum number of moments.
        mode: "hybrid", "text" or "vector"; "frames" as above; None: hybrid if the index has vectors, else text.
        levels: only passages of these levels: window, sentence, section, video, or the name of a further table.
        videos: search only this video or these videos, each named as in `Output.find`.
        like: an image file, or a video; `span`, in seconds, selects a part of the video.
        table: the table of frame vectors; None: the only one of the output.
        config: the recipe that made the vectors; its embedder is loaded. None: EfficientNet from the package.

    Raises:
        UsageError: there is no output or no index, or an argument does not fit the output.
    """
    output = out if isinstance(out, Output) else Output(out)
    ids = _ids(output, videos)
    if (query is None) == (like is None):
        raise UsageError("give a text to search for, or an image or clip to compare with")
    if like is not None or mode == "frames":
        if levels or (like is not None and mode not in (None, "frames")):
            raise UsageError("levels and modes apply to a search in texts; a search in frames takes none")
        asked: dict[str, Any] = {"table": table, "config": config, "k": k, "video_ids": ids}
        if query is not None:
            return Hits(frames.by_text(output, query, **asked))
        assert like is not None
        return Hits(frames.by_image(output, like, span=span, **asked))
    if span is not None or table is not None:
        raise UsageError("a span and a table of vectors apply to a search by image or clip only")
    assert query is not None
    index = opened(output)
    return Hits(search(index, query, k=k, mode=mode, levels=levels, video_ids=ids))


def ask_output(
    out: Place | Output,
    questions: str | Sequence[str],
    *,
    config: Config | None = None,
    strategy: Strategy | None = None,
    videos: Place | Sequence[Place] = (),
    calls: int = 12,
    k: int = 8,
) -> list[Answer]:
    """Answer questions from an indexed output; each answer cites its spans or says that the captions do not contain it.

    Args:
        out: an output or its location.
        questions: one question or several; the engine boots once for all.
        config: its `narrate.engine` answers and, if it takes images, inspects frames; None: no model.
        strategy: "agent", "clips", "summary", "evidence" or "quote"; None: agent if the engine has a model, else quote.
        videos: use only this video or these videos, each named as in `Output.find`.
        calls: maximum number of engine calls per question, at least 1; the agent's last call is for its answer.
        k: number of moments that one search returns.

    Raises:
        UsageError: there is no output or no index, or the strategy needs an engine with a model.
        ItemError: the engine did not answer.
    """
    asked = [questions] if isinstance(questions, str) else list(questions)
    with _asking(out, config, strategy, videos, calls=calls, k=k) as (asking, chosen, _):
        return [asking.answer(question, chosen) for question in asked]


def answer_questions(
    out: Place | Output,
    questions: Place | Sequence[Question],
    to: Place,
    *,
    config: Config | None = None,
    strategy: Strategy | None = None,
    calls: int = 12,
    k: int = 8,
    say: Callable[[str], None] = lambda _: None,
) -> Answered:
    """Answer a file of questions into a committed table; an interrupted call is resumed by the next one.

    A question is not asked again unless the captions, the question, the strategy or the engine changed.

    Args:
        out: an output or its location.
        questions: the path of a file, or the questions; see `pipeline.retrieval.answers.read_questions`.
        to: a folder or remote prefix; the table is its subfolder `answers`, with the columns
            `pipeline.retrieval.answers.ANSWERS`.
        config, strategy, calls, k: as in `ask_output`.
        say: called with one line of progress at a time.

    Raises:
        UsageError: as in `ask_output`, or a question or the folder cannot be used.
        RunFailed: another process is writing answers to this folder.
    """
    asked = read_questions(fspath(questions)) if isinstance(questions, str | PathLike) else list(questions)
    with _asking(out, config, strategy, (), calls=calls, k=k) as (asking, chosen, spec):
        place = output_uri(fspath(to))
        check_outside(place, asking.output.uri)
        ids = {name: str(asking.output.find(name)["video_id"]) for name in {q.video for q in asked} if name}
        engine = None if chosen == "quote" else identity(spec)

        def answer(question: Question) -> Answer:
            asking.video_ids = [ids[question.video]] if question.video else []
            return asking.answer(question.text, chosen)

        settings = [chosen, calls, k, asking.sees, engine, asking.index.stamp()]
        model = None if spec is None or chosen == "quote" else spec.model_id
        return commit_answers(place, asked, settings, answer, model=model, say=say)


def _ids(output: Output, videos: Place | Sequence[Place]) -> list[str]:
    named = [videos] if isinstance(videos, str | PathLike) else videos
    return [str(output.find(video)["video_id"]) for video in named]


@contextmanager
def _asking(
    out: Place | Output,
    config: Config | None,
    strategy: Strategy | None,
    videos: Place | Sequence[Place],
    *,
    calls: int,
    k: int,
) -> Iterator[tuple[Asking, Strategy, EngineSpec | None]]:
    """Yield an `Asking` with its engine open, the strategy, and the engine's spec (None without a config)."""
    if calls < 1 or k < 1:
        raise UsageError(f"calls and k must be at least 1; they are {calls} and {k}")
    if strategy is not None and strategy not in STRATEGIES:
        raise UsageError(f"strategy is {strategy!r}; allowed are {', '.join(STRATEGIES)}")
    output = out if isinstance(out, Output) else Output(out)
    index = opened(output)
    ids = _ids(output, videos)
    spec = config.narrate.engine if config is not None else None
    model = spec is not None and not isinstance(spec, MeasureEngine)
    chosen: Strategy = strategy or ("agent" if model else "quote")
    asking = Asking(output, index, budget=calls, k=k, video_ids=ids)
    if chosen == "quote":
        yield asking, chosen, spec
        return
    if spec is None or not model:
        raise UsageError(f"strategy {chosen} needs an engine with a model: name one in narrate.engine of the config")
    try:
        spec.check(images=False)
    except ValueError as error:
        raise UsageError(f"narrate.engine: {error}") from error
    with suppress(ValueError):
        spec.check(images=True)
        asking.sees = True
    with spec.open() as engine:
        asking.engine = engine
        yield asking, chosen, spec
