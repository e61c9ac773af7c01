"""`python -m tests.support.reference`: regenerate the pages of the docs."""

from __future__ import annotations

from tests.support.command import ROOT
from tests.support.reference import current

for path, text in current().items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path.relative_to(ROOT))
