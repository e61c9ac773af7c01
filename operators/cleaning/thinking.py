"""Thoughts that a model writes before its answer, in the notations that models use."""

from __future__ import annotations

import re

from operators.cleaning.context import Context

_NAMES = (
    r"(?:[a-z0-9_]{1,20}[:_|])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analysis"
    r"|scratch_?pad|plan(?:ning)?"
    r"|(?:inner_?)?monologue|cot|chain_?of_?thought|rationale|deliberat(?:e|ion)|internal"
    r"|(?:begin|end)[_▁]of[_▁](?:thought|think))"
)
_OPEN = rf"(?:<\|?|＜|◁|\[)\s*(?!end[_▁]){_NAMES}\s*(?:\|?>|＞|▷|\])"
_CLOSE = rf"(?:</\|?|<\|/|<\|(?=end[_▁])|＜/|◁/|\[/)\s*{_NAMES}\s*(?:\|?>|＞|▷|\])"
_BLOCK = re.compile(rf"{_OPEN}(?:(?!{_OPEN}).)*?{_CLOSE}", re.I | re.S)
# thoughts in a notation of their own: Gemma's unused tokens, a folded block of HTML, stage directions
_OTHER_BLOCK = re.compile(
    r"<unused94>.*?<unused95>|<details\b[^<>]*>\s*<summary>\W*(?:think|thought|reason"
    r"|analysis)[^<]*</summary>.*?</details>"
    r"|\A\s*<(?!(?:caption|description|answer|response|output|text|summary|final|p|b|i|em|strong|span|div|s"
    r"|assistant|model|json"
    r"|paragraph|section|result|sup|sub|ref|cite|ul|ol|table|html|body|main"
    r"|h\d)\b)([a-z][a-z_]{2,20})>.*?</\1>(?=\s*[\w<])"
    r"|<\|(?!im_|header|turn|start|role|begin_of_solution|media)(\w{2,40}?)_start\|>.*?<\|\2_end\|>(?=\s*\w)"
    r"|\A\s*\*(?:thinks|thinking|ponders|pondering|pauses|hmm+)\*.*?(?:\*(?:writes|writing|answers|types|speaks)\*|\n)",
    re.I | re.S,
)
_LAST_CLOSE = re.compile(rf"\A.*{_CLOSE}", re.I | re.S)
_UNCLOSED = re.compile(rf"{_OPEN}.*\Z", re.I | re.S)
_ANSWER = r"(?:final_?)?(?:answer|response|output|result|solution)"
_ANSWER_OPEN = re.compile(rf"\A.*(?:<\|?|＜|◁)\s*(?:begin_of_)?{_ANSWER}\s*(?:\|?>|＞|▷)", re.I | re.S)
_ANSWER_CLOSE = re.compile(
    rf"(?:</\|?|<\|/|＜/|◁/|<\|(?=end_))\s*(?:end_of_)?{_ANSWER}\s*(?:\|?>|＞|▷).*\Z", re.I | re.S
)
_BOXED = re.compile(r"\A.*\\boxed\{(?:\\text\{)?(.+?)\}?\}\s*\$*\s*\Z", re.S)
# OpenAI's harmony and Gemma's channels: everything but the last, final channel is thought
_CHANNEL = re.compile(r"\A.*<\|?channel\|?>\s*(?:final|response|answer)\s*(?:<\|?message\|?>)?", re.I | re.S)
_MATH_TEXT = re.compile(r"\A\s*\$*\s*\\text\{(.+)\}\s*\$*\s*\Z", re.S)
_THOUGHT_CHANNEL = re.compile(
    r"<\|?channel\|?>\s*(?:analysis|thought|commentary|thinking)\b.*?(?:<\|?end\|?>|<\|?channel\|>|<\|?return\|?>|\Z)",
    re.I | re.S,
)
_HEADED = re.compile(
    r"\A\W*(?:my |the |a |model'?s )?(?:thinking|thoughts?|reasoning|thought process|chain of thought"
    r"|analysis|internal (?:monologue|notes?|reasoning|thoughts?)|scratch ?pad|working notes?|draft notes?"
    r"|observations?)"
    r"(?: process| trace)?\W*[:\n].*?\n\W*(?:the |my |final |actual )*(?:answer|response|output|caption"
    r"|description|summary)\W*[:\n]+",
    re.I | re.S,
)
_PROCESS = re.compile(
    r"\A\W*here(?:'s| is) (?:my|a|the) (?:thought|thinking|reasoning) process:.*?here(?:'s| is) my response:",
    re.I | re.S,
)


# whole lines that plan or explain, and steps that the model tells itself
_THOUGHT_LINE = re.compile(
    r"^[^\w\n]{0,6}thought for (?:an? )?(?:\w+ ){1,2}(?:second|minute|moment)s?\W*(?:\n|\Z)|^[^\w\n]{0,6}(?:(?:my|the"
    r"|a|brief|short|internal)\s+){0,2}(?:reasoning|plan(?:ning)?|analysis|thoughts?"
    r"|thought process"
    r"|approach|strategy|drafts?|rationale|justification|assumptions?|caveats?|limitations?|methodology"
    r"|considerations?)"
    r"(?: \d{1,2})?[*_]{0,3}\s*[:：].*(?:\n|\Z)|^[^\w\n]{0,6}step \d{1,2}[*_]{0,3}\s*[:：.–-]\W*(?:identif|analy[sz]"
    r"|describ|determin|merg"
    r"|combin|writ|list|check|review|read|look|observ|consider|summari[sz]|examin|extract|not(?:e|ing)\b|count"
    r"|draft)\w*.*(?:\n|\Z)",
    re.I | re.M,
)
_ANSWER_LABEL = re.compile(
    r"\A.*\n[^\w\n]{0,6}(?:the |my )?(?:final|result|output|answer|text|response|final \w+|rewritten \w+|finished \w+)"
    r"[*_]{0,3}\s*[:：][*_]{0,3}\s*(?=(?:\S+\s+){5})",
    re.I | re.S,
)
_SAID_THINKING = re.compile(r"[(*]\s*think(?:s|ing)?\s*[)*].*?[(*]\s*/\s*think(?:s|ing)?\s*[)*]", re.I | re.S)


def _without_plans(text: str) -> str:
    if "\n" not in text:
        return text
    bare = _THOUGHT_LINE.sub("", text)
    text = bare if len(bare.split()) >= 5 else text
    return _ANSWER_LABEL.sub("", text)


# an answer in stages, each in a tag of its own: the last stage that is an answer by its name is the answer
_STAGE = re.compile(r"\s*<([a-zA-Z][\w-]{1,30})>(.*?)</\1>\s*", re.S)
_ANSWER_STAGE = re.compile(
    r"(?:final[_-]?)?(?:answer|conclusion|response|output|result|caption|description|final)", re.I
)


def _last_stage(text: str) -> str:
    at, answer, count = 0, None, 0
    while (found := _STAGE.match(text, at)) is not None:
        at, count = found.end(), count + 1
        if _ANSWER_STAGE.fullmatch(found[1]):
            answer = found[2]
    return answer if answer is not None and count > 1 and at == len(text) else text


def thinking(text: str, context: Context) -> str:  # noqa: ARG001
    """Thoughts in tags, up to a lone closing tag, behind one that is never closed, or under a heading of their own."""
    text = _without_plans(_SAID_THINKING.sub(" ", _last_stage(text)))
    text = _OTHER_BLOCK.sub(" ", text)
    if any(mark in text for mark in "<[◁＜"):
        before = None
        while before != text:  # innermost first
            before, text = text, _BLOCK.sub(" ", text)
        text = _LAST_CLOSE.sub("", text)
        text = _THOUGHT_CHANNEL.sub("", _CHANNEL.sub("", text))
        text = _UNCLOSED.sub("", text)
        text = _ANSWER_CLOSE.sub("", _ANSWER_OPEN.sub("", text))
    if "\\" in text:
        text = _MATH_TEXT.sub(r"\1", _BOXED.sub(r"\1", text))
    return _PROCESS.sub("", _HEADED.sub("", text))
