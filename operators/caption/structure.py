"""Structured window captions: the JSON Schema for the engine and the parser of its answers."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form


class Subject(BaseModel):
    """A person, an animal or an object that matters."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=60, description="a short name, such as: a man in a red jacket")]
    looks: Annotated[str, Field(max_length=200, description="what tells it from others")]


class WindowFields(BaseModel):
    """The parts of a window caption; the six-part captions of Koala-36M and SkyCaptioner's, less what cannot be seen.

    The bounds are there for the engine: within a grammar a model that loops would otherwise never come to an end.
    """

    model_config = ConfigDict(extra="forbid")
    caption: Annotated[str, Field(min_length=1, max_length=2000, description="what happens, in whole sentences")]
    subjects: Annotated[list[Subject], Field(max_length=8)]
    actions: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=12, description="in order")]
    camera: Annotated[str, Field(max_length=200)]
    scene: Annotated[str, Field(max_length=300)]
    on_screen_text: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=12)]


@lru_cache(maxsize=1)
def window_schema() -> str:
    """JSON Schema of `WindowFields`, as text."""
    return json.dumps(WindowFields.model_json_schema(), sort_keys=True)


def parse_window(text: str) -> WindowFields:
    """Parse the fields of an answer, with the tolerance of `operators.cleaning.forms`.

    Raises:
        ValueError: the answer has no fields, or no caption among them.
    """
    return read_form(text, WindowFields)
