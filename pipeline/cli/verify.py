"""`longcap verify`: print the findings of `pipeline.output.verification`."""

from __future__ import annotations

from dataclasses import asdict

from operators.core.text import printable
from pipeline.output.output import Output
from pipeline.output.verification import STRAY, tidy, verify
from pipeline.terminal.commands import longcap
from pipeline.terminal.look import counted
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 50


def verify_command(*, out: str, clean: bool = False, as_json: bool = False) -> int:
    """Print the findings; return 0 if there are none, else 1."""
    output = Output(out)
    if clean:
        tidy(output)
    found = verify(output)
    if as_json:
        echo_json({"ok": found.ok, **asdict(found)})
        return 0 if found.ok else 1
    for finding in found.findings[:_SHOWN]:
        echo(f"{finding.kind}: {printable(finding.what)}: {printable(finding.why)}")
    if len(found.findings) > _SHOWN:
        echo(f"… and {len(found.findings) - _SHOWN} more findings")
    for note in found.notes[:_SHOWN]:
        echo(f"{note.kind}: {printable(note.what)}: {printable(note.why)}")
    if len(found.notes) > _SHOWN:
        echo(f"… and {len(found.notes) - _SHOWN} more notes")
    planned, segments, files = (
        counted(count, noun)
        for count, noun in ((found.videos, "planned video"), (found.segments, "segment"), (found.files, "file"))
    )
    if found.segments_failed:
        segments += f" and {found.segments_failed} in failures"
    for name, rows in sorted(found.rows_failed.items()):
        segments += f"; {counted(rows, 'row')} of {name} in failures"
    echo(
        f"{planned}: {found.captioned} in the dataset, {found.filtered} left out by the filter, {found.failed} in "
        f"failures; {segments}; {files} read: {'all is well' if found.ok else 'not sound'}"
    )
    removable = sum(f.why == STRAY or f.kind == "upload" for f in found.findings)
    if removable and not clean:
        echo(f"{removable} of these go with: {longcap('verify', out, '--clean')}")
    return 0 if found.ok else 1
