from __future__ import annotations

import pytest

from operators.video.markup import Format, plain_text


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        ("vtt", "<v Bob>Hello <00:00:01.000>w<c.red.x>o</c>rld</v>", "Hello world"),
        ("vtt", "&amp; &lt;b&gt;&nbsp;x&lrm;y &#233; &#x1F600;", "& <b> xy é 😀"),
        ("vtt", "<ruby>漢<rt>かん</rt></ruby>", "漢(かん)"),
        ("vtt", "<lang fr>oui</lang> <unknown.class>so</>", "oui so"),
        ("srt", '<font color="red">a</font> <i>b</i> <b>c<br/>d', "a b c d"),
        ("srt", "3 < 5, I <3 you, <John>: x < y > z, a <- b -> c", "3 < 5, I <3 you, <John>: x < y > z, a <- b -> c"),
        ("srt", "AT&T & &copy x &copy;", "AT&T & &copy x ©"),
        ("srt", "{\\an8}up {\\i1}there{\\i0} {laughs}\\Nand\\hon", "up there {laughs} and on"),
        ("srt", "{y:i}old {Y:b}style", "old style"),
        ("ass", "{\\p1}m 0 0 l 1 1{\\p0}Text\\Nnext\\hline {a comment}", "Text next line"),
        ("ass", "{\\k20}Ka{\\kf30}ra{\\pos(1,2)\\pbo3}oke", "Karaoke"),
        ("ass", "{\\p2}m 0 0 l 9 9", ""),
        ("srt", "a\u200bb\ufeffc\u202ed\u2067e\x1b[31m\x00", "abcde[31m"),
        ("srt", "می\u200cخواهم 👩\u200d👧 a\u200db", "می\u200cخواهم 👩\u200d👧 ab"),
        ("srt", "half \ud83d", "half \ufffd"),
    ],
)
def test_markup_goes_and_text_stays(form: Format, text: str, words: str) -> None:
    assert plain_text(text, form) == words
