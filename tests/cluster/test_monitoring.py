from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cluster.monitoring import dashboard, queries, rules, write
from tests.support import command


def test_the_files_hold_what_the_functions_make(tmp_path: Path) -> None:
    board, alerts = write(tmp_path / "new")
    assert json.loads(board.read_text()) == dashboard()
    assert yaml.safe_load(alerts.read_text()) == rules()


def test_the_command_writes_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "monitoring", str(tmp_path / "here")],
        cwd=command.ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert [Path(line).is_file() for line in done.stdout.splitlines()] == [True, True]


def test_files_of_others_are_replaced_only_by_force(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path)
    for name in ("longcap-dashboard.json", "longcap-rules.yaml"):
        (tmp_path / name).write_text("groups: []\n")
        with pytest.raises(FileExistsError, match=name):
            write(tmp_path)
        assert (tmp_path / name).read_text() == "groups: []\n"
        write(tmp_path, force=True)


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}
    assert len(places) == len(panels) and all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)
    assert all(t["expr"] for p in panels for t in p["targets"])


def promtool(*arguments: str) -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian's package prometheus has it)")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    recorded = [{"record": f"q{k}", "expr": query} for k, query in enumerate(queries())]
    (tmp_path / "q.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))
    assert f"SUCCESS: {len(recorded)} rules found" in promtool("check", "rules", str(tmp_path / "q.yaml"))


def test_alerts_go_off_when_they_should(tmp_path: Path) -> None:
    write(tmp_path)

    def series(name: str, values: str) -> dict[str, str]:
        return {"series": name, "values": values}

    def case(alert: str, at: str, fires: bool, *given: dict[str, str]) -> dict[str, object]:
        found = promql_alert(alert, at, fires)
        return {"interval": "1m", "input_series": list(given), "promql_expr_test": [found]}

    def promql_alert(alert: str, at: str, fires: bool) -> dict[str, object]:
        return {
            "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
            "eval_time": at,
            "exp_samples": [{"labels": "{}", "value": 1 if fires else 0}],
        }

    idle, busy = 'ray_longcap_utilization{pool="caption"}', 'ray_longcap_utilization{pool="caption", WorkerId="2"}'
    left = series("ray_longcap_video_seconds_left", "3600x40")
    tests = [
        case("LongcapStalled", "20m", True, series("ray_longcap_idle_seconds", "0+60x40")),
        case("LongcapStalled", "20m", False, series("ray_longcap_idle_seconds", "5x40")),
        case("LongcapEngineIdle", "30m", True, series(idle, "0.1x40"), left),
        case("LongcapEngineIdle", "30m", False, series(idle, "0.1x40"), series(busy, "0.9x40"), left),
        case(
            "LongcapFailing",
            "30m",
            True,
            series('ray_longcap_failures_total{failure_class="timeout"}', "0+1x40"),
            series("ray_longcap_videos_total", "0+5x40"),
        ),
        case(
            "LongcapFailing",
            "30m",
            False,
            series('ray_longcap_failures_total{failure_class="timeout"}', "1x40"),
            series("ray_longcap_videos_total", "0+5x40"),
        ),
        case(
            "LongcapPoolShort",
            "30m",
            True,
            series('ray_longcap_actors_wanted{pool="caption"}', "2x40"),
            series('ray_longcap_actors_up{pool="caption"}', "1x40"),
        ),
    ]
    (tmp_path / "t.yaml").write_text(yaml.safe_dump({"rule_files": ["longcap-rules.yaml"], "tests": tests}))
    promtool("test", "rules", str(tmp_path / "t.yaml"))
