from __future__ import annotations

import time

from cluster.demand import brought


def test_a_node_that_is_there_need_not_be_waited_for(ray_session: None) -> None:
    assert brought({"CPU": 2}, 5.0)


def test_what_nobody_brings_is_waited_for_only_so_long(ray_session: None) -> None:
    began = time.monotonic()
    assert not brought({"unheard_of": 1}, 1.0)
    assert time.monotonic() - began > 0.9
    assert not brought({"unheard_of": 1}, 60.0, stopped=lambda: True)
