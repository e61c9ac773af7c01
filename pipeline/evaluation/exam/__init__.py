"""The exam: videos with known scripts; their long captions are parsed and compared with the scripts."""

from pathlib import Path

PROMPTS = Path(__file__).parent / "prompts"
"""Short prompts for the small model: `window.j2`, `section.j2`, `video.j2`, `digest.j2`."""

CHECKPOINT = Path(__file__).parent / "checkpoint"
"""The small vision-language model that captions and narrates; `tests.support.seeing.train` trains it."""
