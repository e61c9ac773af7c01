from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.store.done import Done, Share, share_of

SCHEMA = pa.schema(
    [pa.field("key", pa.string()), pa.field("segment_index", pa.int32()), pa.field("video_id", pa.string())]
)


def table(*at: tuple[str, int]) -> pa.Table:
    return pa.Table.from_pylist([{"key": k, "segment_index": i, "video_id": f"v{k}"} for k, i in at], schema=SCHEMA)


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 500)), max_size=60), max_size=5))
def test_it_is_the_set_of_what_it_was_told(batches: list[list[tuple[str, int]]]) -> None:
    done, plain = Done(), set[tuple[str, int]]()
    for batch in batches:
        done.add(table(*batch))
        plain |= set(batch)
    assert {(k, i) for k, indices in done.items() for i in indices} == plain
    for key in "abcd":
        assert done.count(key) == len([1 for k, _ in plain if k == key])
        assert done.get(key, frozenset()) == {i for k, i in plain if k == key}
    assert all(done.has(*at) for at in plain) and not done.has("d", 0) and not done.has("a", 501)
    assert len(done) == len({k for k, _ in plain})


def test_noting_one_row_is_adding_it() -> None:
    done = Done()
    done.note("a", 61)
    done.note("a", 0)
    done.add(table(("a", 61), ("a", 200)))
    assert done == {"a": {0, 61, 200}}


def test_a_share_keeps_its_own_videos_only_and_the_shares_are_all() -> None:
    everything = table(*((str(k), k % 70) for k in range(200)))
    shares = []
    for index in range(3):
        done = Done(Share(index, 3))
        assert "video_id" in done.columns
        done.add(everything)
        assert all(share_of(f"v{key}", 3) == index for key in done)
        shares.append(set(done))
    assert set.union(*shares) == {str(k) for k in range(200)} and sum(map(len, shares)) == 200
    assert all(len(s) > 40 for s in shares)


def test_shares_of_two_kinds_do_not_fall_together() -> None:
    mine = [v for v in map(str, range(400)) if share_of(v, 2, "job") == 0]
    gathered = [share_of(v, 2, "gather") for v in mine]
    assert 60 < sum(gathered) < len(mine) - 60, "one gather actor would get all videos of a job"


def test_one_share_holds_all_and_no_share_lies_outside() -> None:
    assert Share().holds("anything") and Done(Share()).columns == ["key", "segment_index"]
    with pytest.raises(ValueError, match="share 3 of 3: the first is 0, the last 2"):
        Share(3, 3)


def test_rows_of_videos_do_not_count() -> None:
    """The table had another level once: its rows of videos have no segment."""
    done = Done(Share(0, 2))
    some = [{"key": k, "segment_index": i, "video_id": f"v{n}"} for n in range(9) for k, i in (("a", None), ("b", n))]
    done.add(pa.Table.from_pylist(some, schema=SCHEMA))
    assert set(done) == {"b"} and done["b"] == {n for n in range(9) if Share(0, 2).holds(f"v{n}")}
