"""The list's state in the URL: parsed, refused, and written again as it was."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from pipeline.terminal.errors import UsageError
from pipeline.viewer.query import Condition, Query, parse

KNOWN = ["video_id", "name", "words", "coverage", "codec", "metadata.license", "metadata.my column"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "q=red+car&state=failed&verdict=none",
        "where=words%3E%3D100&where=codec%3Dh264&sort=-words&page=3&size=25",
        "where=metadata.my+column~a%26b&columns=words&columns=metadata.license",
    ],
)
def test_a_view_and_its_url_are_the_same_thing(url: str) -> None:
    query = parse(parse_qsl(url), KNOWN)
    assert parse(parse_qsl(query.url(page=query.page)), KNOWN) == query
    assert query.url(page=query.page) == url


def test_another_view_begins_at_its_first_page() -> None:
    query = Query(page=7, sort="words")
    assert parse(parse_qsl(query.url(sort="-words")), KNOWN) == Query(sort="-words")


def test_the_form_adds_a_condition_in_three_fields() -> None:
    query = parse([("column", "words"), ("operator", "<"), ("value", "5"), ("where", "codec=h264")], KNOWN)
    assert query.where == (Condition("codec", "=", "h264"), Condition("words", "<", "5"))


@pytest.mark.parametrize(
    ("text", "terms"),
    [("red car", ["red", "car"]), ('"red car" dog', ["red car", "dog"]), ("it's red", ["it's", "red"]), ("  ", [])],
)
def test_what_is_searched_for(text: str, terms: list[str]) -> None:
    assert Query(q=text).terms == terms


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("state", "done", "state is 'done'"),
        ("verdict", "maybe", "verdict is 'maybe'"),
        ("sort", "wordz", "no column 'wordz'; did you mean words"),
        ("columns", "nope", "no column 'nope'"),
        ("where", "words", "is not a condition such as words>=100"),
        ("where", "wordz>3", "did you mean words"),
        ("page", "-1", "page is '-1'"),
        ("page", "1e9", "page is '1e9'"),
        ("size", "100000", "size is '100000'"),
    ],
)
def test_what_is_not_allowed_is_said(name: str, value: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse([(name, value)], KNOWN)
