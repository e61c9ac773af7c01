from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.base import Row
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import UsageError


def listed(count: int = 20) -> list[Row]:
    return [{"video_id": f"id{k:02}", "uri": f"s3://b/{k % 3}/clip{k}.mp4"} for k in range(count)]


def ids(rows: list[Row]) -> list[str]:
    return [row["video_id"] for row in rows]


def test_all_by_default_and_the_first_so_many() -> None:
    assert Selection().of(listed()) == listed()
    assert ids(Selection(limit=3).of(listed())) == ["id00", "id01", "id02"]
    assert Selection(limit=99).of(listed()) == listed()


@pytest.mark.parametrize("name", ["id07", "clip7.mp4", "s3://b/1/clip7.mp4"])
def test_one_by_its_id_its_file_name_or_its_uri(name: str) -> None:
    assert ids(Selection(only=(name,)).of(listed())) == ["id07"]
    assert Selection(recaption=(name,)).recaptioned(listed()) == {"id07"}


def test_several_stay_in_the_listings_order() -> None:
    assert ids(Selection(only=("id09", "clip2.mp4", "id09")).of(listed())) == ["id02", "id09"]


@given(st.permutations(range(20)), st.integers(1, 20))
def test_a_sample_is_the_same_one_whatever_the_order_and_grows_by_more(order: list[int], size: int) -> None:
    rows = listed()
    drawn = ids(Selection(sample=size).of(rows))
    assert len(drawn) == size
    assert drawn == sorted(drawn)  # in the listing's order
    assert set(ids(Selection(sample=size).of([rows[k] for k in order]))) == set(drawn)
    assert set(drawn) <= set(ids(Selection(sample=min(20, size + 1)).of(rows)))


def test_a_sample_is_drawn_of_those_named_and_cut_off_last() -> None:
    only = tuple(f"id{k:02}" for k in range(10))
    both = ids(Selection(only=only, sample=5).of(listed()))
    assert len(both) == 5
    assert set(both) < set(only)
    assert ids(Selection(only=only, sample=5, limit=2).of(listed())) == both[:2]


@pytest.mark.parametrize("where", ["only", "recaption"])
def test_an_unknown_name_suggests_a_near_one(where: str) -> None:
    with pytest.raises(UsageError, match=r"no source has the id or the file name 'clip77.mp4'.*clip7\.mp4"):
        Selection(**{where: ("clip77.mp4",)}).of(listed()) and Selection(**{where: ("clip77.mp4",)}).recaptioned(
            listed()
        )


def test_a_name_that_several_have_is_refused() -> None:
    rows = [{"video_id": "a", "uri": "/x/one.mp4"}, {"video_id": "b", "uri": "/y/one.mp4"}]
    with pytest.raises(UsageError, match=r"2 videos are named 'one.mp4': /x/one.mp4, /y/one.mp4; give the id"):
        Selection(only=("one.mp4",)).of(rows)
    # an id wins over file names
    assert ids(Selection(only=("b",)).of([*rows, {"video_id": "c", "uri": "/z/b"}])) == ["b"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"limit": 0}, "--limit is 0"),
        ({"sample": -1}, "--sample is -1"),
        ({"max_hours": 0.0}, "--max-hours is 0.0"),
        ({"max_hours": float("nan")}, "--max-hours is nan"),
        ({"max_hours": float("inf")}, "--max-hours is inf"),
    ],
)
def test_nothing_is_no_selection(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=f"{says}; it must be above 0"):
        Selection(**options)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_are_all_videos_each_once(count: int) -> None:
    listed = [{"video_id": f"v{k}", "uri": f"/{k}.mp4"} for k in range(60)]
    shards = [Selection(shard=(i, count)).of(listed) for i in range(1, count + 1)]
    assert sorted(r["video_id"] for s in shards for r in s) == sorted(r["video_id"] for r in listed)
    assert all(len(s) > 60 / count / 3 for s in shards)
    assert Selection(shard=(1, count)).share_name == f"1-of-{count}" and Selection().share_name == "all"


@pytest.mark.parametrize("shard", [(0, 2), (3, 2)])
def test_a_shard_that_is_none_is_a_usage_error(shard: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=r"--shard is \d/2; it must be I/N with I from 1 to N"):
        Selection(shard=shard)


@pytest.mark.parametrize("name", ["id07", "clip7.mp4"])
def test_recaptioning_is_left_to_the_shard_that_has_the_video(name: str) -> None:
    found = [Selection(shard=(i, 3), recaption=(name,)).recaptioned(listed()) for i in (1, 2, 3)]
    assert sorted(map(sorted, found)) == [[], [], ["id07"]]
    both = [Selection(shard=(i, 3), only=(name,), recaption=(name,)).recaptioned(listed()) for i in (1, 2, 3)]
    assert both == found


def test_recaptioning_a_video_that_another_option_leaves_out_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--recaption id07: --only, --sample or --limit leave this video out"):
        Selection(only=("id02",), recaption=("id07",)).recaptioned(listed())
