from __future__ import annotations

from pipeline.config.check import unchecked_languages
from pipeline.config.load import load_config


def test_languages_that_answers_are_not_checked_for() -> None:
    assert unchecked_languages(load_config("longcaption", ["caption.language=de", "narrate.language=Bokmål"])) == {}
    found = unchecked_languages(load_config("longcaption", ["caption.language=Germn", "narrate.language=Maori"]))
    assert found["caption.language"] == "'Germn' is not known as a name or code of a language"
    assert found["narrate.language"] == "Maori is a language that cannot be identified"
