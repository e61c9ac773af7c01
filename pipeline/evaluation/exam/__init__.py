"""The exam: videos whose script is known, and long captions of them that are read back and compared with it."""

from pathlib import Path

PROMPTS = Path(__file__).parent / "prompts"
"""The few words with which the small model is asked: `window.j2`, `section.j2`, `video.j2`, `digest.j2`."""

CHECKPOINT = Path(__file__).parent / "checkpoint"
"""The small model that sees and tells; `tests.support.seeing.train` makes it."""
