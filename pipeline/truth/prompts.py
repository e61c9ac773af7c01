"""The few words with which the exam asks its small model; `{{ pictures }}` and the blanks are those of any prompt."""

from __future__ import annotations

from pathlib import Path

WINDOW = """\
{{ pictures }}
{% if previous %}
Before: {{ previous }}
{% endif %}
Tell."""

SECTION = """\
Section:
{% for note in notes %}
From {{ note.start_s | clock }} to {{ note.end_s | clock }}: {{ note.text }}
{% endfor %}"""

OPENING = """\
Opening:
{% for text in texts %}
- {{ text }}
{% endfor %}"""

DIGEST = """\
Digest:
{% for text in texts %}
- {{ text }}
{% endfor %}"""

PROMPTS = {"window": WINDOW, "section": SECTION, "video": OPENING, "digest": DIGEST}


def write_prompts(folder: Path) -> dict[str, str]:
    """Write them as files; name of the prompt -> path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, text in PROMPTS.items():
        path = folder / f"{name}.j2"
        path.write_text("{# version: 1 #}\n" + text + "\n", "utf-8")
        paths[name] = str(path)
    return paths
