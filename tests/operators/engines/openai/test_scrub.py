"""A key is found in a server's message, whatever the encoding; all other text stays."""

from __future__ import annotations

import base64
import codecs
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest

from operators.engines.openai.scrub import Scrubber

KEY = "sk-Proj_AbCdEf0123456789-XyZ/+=q"

ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "reversed": lambda key: key[::-1],
    "cut": lambda key: key[:-6],
    "spaced": " ".join,
    "zero-width spaces": "\u200b".join,
    "full width": lambda key: "".join(chr(ord(c) + 0xFEE0) for c in key),
    "URL": lambda key: urllib.parse.quote(urllib.parse.quote(key, safe=""), safe=""),
    "HTML": lambda key: "".join(f"&#x{ord(c):x};" for c in html.escape(key)),
    "JSON": lambda key: json.dumps("".join(f"\\u{ord(c):04x}" for c in key)),
    "octal": lambda key: "".join(f"\\{ord(c):03o}" for c in key),
    "decimal": lambda key: str(list(key.encode())),
    "hex": lambda key: key.encode().hex(":"),
    "hex of UTF-16": lambda key: key.encode("utf-16-le").hex(),
    "ROT13": lambda key: codecs.encode(key, "rot13"),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64, URL-safe": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 of a header": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "base64 of a user": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "base64 of UTF-16": lambda key: base64.b64encode(key.encode("utf-16-le")).decode(),
    "base64 twice": lambda key: base64.b64encode(base64.b64encode(key.encode())).decode(),
    "base32": lambda key: base64.b32encode(key.encode()).decode(),
    "base85": lambda key: base64.b85encode(key.encode()).decode(),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_a_key_is_masked_in_every_encoding(encode: Callable[[str], str]) -> None:
    shown = encode(KEY)
    said = Scrubber(KEY)(f"Incorrect API key {shown} provided")
    assert said.startswith("Incorrect API key ") and said.endswith(" provided") and "***" in said
    # what is left of it is no more than its ends, where the alignment mixes it with other bytes, and separators
    kept = "".join(c for c in said.removeprefix("Incorrect API key ").removesuffix(" provided") if c.isalnum())
    assert len(kept) <= max(16, len(shown) // 8)


@pytest.mark.parametrize(
    "text",
    [
        "A man walks by the sea; the sign says 0123456789.",
        "字幕です。 1010101010101010 00000000 ＡＢＣ",
        "Incorrect API key provided: sk-...yz+q",
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert Scrubber(KEY)(text) == text
    assert Scrubber(None)(text) == text


def test_a_short_key_is_masked_as_it_is() -> None:
    assert Scrubber("abc")("key abc, cba") == "key ***, cba"
