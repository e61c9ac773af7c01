"""Prompts are files: Jinja2 templates with a name and a version, hashed into every fingerprint.

The first line of a prompt file is a comment that carries its version: `{# version: 1 #}`. The packaged ones lie beside
this module and are named without suffix (`window`); a path to a `.j2` file works wherever a name does.

`{{ pictures }}` in a prompt marks where the images stand. What is the same in every request (the instruction) goes
before it, what changes (the caption before, subtitles, measurements) behind it: engines compute a common beginning
once. `{{ seconds | clock }}` writes a time as m:ss; `speech | within(start_s, end_s)` gives the items of a list that
overlap a span.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from operators.core.fingerprint import digest
from operators.core.text import clock

_VERSION = re.compile(r"\A\{#-?\s*version:\s*(\S+)\s*-?#\}\s*")
_FOLDER = Path(__file__).parent
_IMAGES = "\x00images\x00"


@dataclass(frozen=True)
class Rendered:
    """A prompt with its blanks filled in.

    Attributes:
        text: all of it.
        images_at: index into `text` at which the images stand; None where the template does not say.
    """

    text: str
    images_at: int | None = None


@dataclass(frozen=True)
class Prompt:
    """One prompt template.

    Attributes:
        name: as it was asked for.
        version: from the file's first line.
        text: the template.
    """

    name: str
    version: str
    text: str

    @cached_property
    def hash(self) -> str:
        return digest(self.text)

    @cached_property
    def instructions(self) -> str:
        """The fixed text of the template, without what fills its blanks."""
        data = _ENVIRONMENT.parse(self.text).find_all(jinja2.nodes.TemplateData)
        return " ".join(" ".join(part.data for part in data).split())

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the template reads."""
        return names_in(self.text)

    @cached_property
    def optional(self) -> frozenset[str]:
        """Those of `names` that it asks for with `is defined`."""
        tests = _ENVIRONMENT.parse(self.text).find_all(jinja2.nodes.Test)
        tested = (test.node for test in tests if test.name == "defined")
        return frozenset(node.name for node in tested if isinstance(node, jinja2.nodes.Name))

    @cached_property
    def _template(self) -> jinja2.Template:
        return _ENVIRONMENT.from_string(self.text)

    def render(self, **values: Any) -> Rendered:
        """The prompt with its blanks filled in; a blank that nobody fills is a `ValueError`."""
        try:
            text = self._template.render(pictures=_IMAGES, **values).strip()
        except Exception as error:  # a template may do to a value what cannot be done to it
            raise ValueError(f"prompt {self.name!r}: {error}") from error
        before, marker, behind = text.partition(_IMAGES)
        if not marker:
            return Rendered(text)
        before, behind = before.rstrip(), behind.replace(_IMAGES, "").strip()
        return Rendered(f"{before}\n{behind}".strip(), len(before) if behind else None)


def within(items: Iterable[Mapping[str, Any]] | None, start_s: float, end_s: float) -> list[Mapping[str, Any]]:
    """The items that overlap `[start_s, end_s)`: those with `start_s` and `end_s`, or a `time_s`."""
    found = []
    for item in items or ():
        low = item.get("start_s", item.get("time_s"))
        high = item.get("end_s")
        if low is not None and low < end_s and (low >= start_s if high is None else high > start_s):
            found.append(item)
    return found


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(  # a prompt that came with somebody's recipe runs no code
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["clock"] = clock
    environment.filters["within"] = within
    return environment


_ENVIRONMENT = _environment()


def names_in(template: str) -> frozenset[str]:
    """The names that a template reads and does not set itself.

    Raises:
        jinja2.TemplateSyntaxError: it is no template.
    """
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(template)))


def expression(text: str) -> Callable[..., Any]:
    """A Jinja2 expression such as `item.score < 0.5` as a function of the names in it; an unknown one is None.

    Raises:
        ValueError: it is no expression.
    """
    try:
        return _ENVIRONMENT.compile_expression(text)
    except jinja2.TemplateError as error:
        raise ValueError(f"{text!r} is no expression: {error}") from error


def packaged() -> list[str]:
    """Names of the prompts that ship with Longcap."""
    return sorted(p.stem for p in _FOLDER.glob("*.j2"))


def load_prompt(name: str) -> Prompt:
    """Load a packaged prompt by name or a prompt file by path.

    Raises:
        ValueError: no such prompt, a file without a version line, or a template that does not parse.
    """
    path = _FOLDER / f"{name}.j2"
    if "/" in name or not path.is_file():
        path = Path(name).expanduser()
    if not path.is_file():
        raise ValueError(f"no prompt {name!r}: neither a file nor one of {', '.join(packaged())}")
    state = path.stat()
    return _parse(name, path, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=64)
def _parse(name: str, path: Path, _state: tuple[int, int]) -> Prompt:
    """Once for each state of the file: an edit must count, and a plan asks for the same prompt once a video."""
    source = path.read_text(encoding="utf-8")
    found = _VERSION.match(source)
    if found is None:
        raise ValueError(f"prompt file {path} must begin with a line such as {{# version: 1 #}}")
    prompt = Prompt(name, found.group(1), source[found.end() :])
    try:
        _ = prompt._template
    except jinja2.TemplateSyntaxError as error:
        line = error.lineno + source[: found.end()].count("\n")
        raise ValueError(f"prompt file {path}, line {line}: {error.message}") from error
    return prompt
