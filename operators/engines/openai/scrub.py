"""Removal of an API key, in any common encoding, from text of a server."""

from __future__ import annotations

import base64
import codecs
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from operators.core.text import repaired

_SHORTEST = 8  # characters of a key from which on its encodings are looked for; a shorter one is replaced as it is
_GRAM = 12  # letters and digits in a row that a text and a form of the key must share to be masked
_MASK = "***"


@lru_cache(maxsize=16)
def scrubber(key: str | None) -> Scrubber:
    """The scrubber of a key; with None, text is only repaired."""
    return Scrubber(key)


class Scrubber:
    """Masks a key and its encodings: any case, reversed, URL, hex, octal, base32 and base64 (also of `Bearer KEY` and
    of UTF-16), escapes, full width, ROT13.

    Only letters and digits are compared, in lower case, so that separators (`73:6b:2d`, `%73%6b`, line breaks in
    base64) have no effect. Twelve successive characters of an encoding are masked, so that truncated keys and base64 at
    any alignment are found as well. The usual masks of servers (`sk-...abcd`) are kept.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key or ""
        compact = _compact(self._key)[0]
        self._length = min(_GRAM, len(compact))
        self._grams: frozenset[str] = frozenset()
        if len(compact) >= _SHORTEST:
            grams = set()
            for form in _forms(self._key):
                letters = _compact(form)[0]
                grams |= {letters[k : k + self._length] for k in range(len(letters) - self._length + 1)}
            self._grams = frozenset(grams)

    def __call__(self, text: str) -> str:
        """Return `text` as valid Unicode, with all parts of the key replaced by `***`."""
        text = repaired(text)
        if self._key and not self._grams:
            return text.replace(self._key, _MASK)
        if not self._grams:
            return text
        letters, places = _compact(text)
        size = self._length
        found = [k for k in range(len(letters) - size + 1) if letters[k : k + size] in self._grams]
        if not found:
            return text
        out, done = [], 0
        for start, end in _joined(found, size):
            out += [text[done : places[start]], _MASK]
            done = places[end - 1] + 1
        return "".join([*out, text[done:]])


def _joined(found: list[int], size: int) -> Iterator[tuple[int, int]]:
    """Spans [start, end) that the grams at `found`, in order, cover together."""
    start, end = found[0], found[0] + size
    for at in found[1:]:
        if at > end:
            yield start, end
            start = at
        end = at + size
    yield start, end


def _compact(text: str) -> tuple[str, list[int]]:
    """The ASCII letters and digits of `text`, full-width ones included, in lower case, and the index of each."""
    plain = text if text.isascii() else "".join(_ascii(c) for c in text)
    places = [k for k, c in enumerate(plain) if c.isascii() and c.isalnum()]
    return "".join(plain[k] for k in places).lower(), places


def _ascii(character: str) -> str:
    same = unicodedata.normalize("NFKC", character)
    return same if len(same) == 1 else character


def _forms(key: str) -> Iterator[str]:
    """The key in all encodings that are masked."""
    for plain in (key, f"Bearer {key}"):
        data = plain.encode()
        ascii_forms = [plain, codecs.encode(plain, "rot13")]
        for kind in ("02x", "03o"):
            ascii_forms.append("".join(f"{b:{kind}}" for b in data))
        ascii_forms += ["".join(f"x{b:02x}" for b in data), "".join(f"0x{b:02x}" for b in data)]
        ascii_forms += ["".join(f"u{b:04x}" for b in data), "".join(map(str, data))]
        for wide in (data, plain.encode("utf-16-le"), plain.encode("utf-16-be")):
            ascii_forms += [wide.hex(), *_aligned(wide)]
        for form in ascii_forms:
            yield form
            yield form[::-1]
        yield base64.b64encode(base64.b64encode(data)).decode()
        yield base64.b64encode(plain[::-1].encode()).decode()
        yield base64.b85encode(data).decode()
        yield base64.a85encode(data).decode()


def _aligned(data: bytes) -> Iterator[str]:
    """`data` inside of other data in base64 and base32, at every alignment, without the characters that mix."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        yield encoded[-(-before * 8 // 6) : -1 if (before + len(data)) % 3 else None]
    for before in range(5):
        encoded = base64.b32encode(b"\0" * before + data).decode().rstrip("=")
        yield encoded[-(-before * 8 // 5) : -1]
