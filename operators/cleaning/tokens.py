"""Tokens and roles of chat templates, and what a model writes after its own turn has ended."""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import masked, outside_quotes, removed

# an end of turn: what follows is another turn that the model imagines
_END = re.compile(
    r"<\|?(?:im_end|eot_id|eom_id|endoftext|end_of_text|end_of_turn|end_of_utterance|eot|eos|end|return|assistant_end"
    r"|turn_end|END_OF_TURN_TOKEN|end▁of▁sentence|end_of_sentence|eod|eop|eom|hy_eos)\|?>"
    r"|<\|(?:user|human|system)\|>|<｜end▁of▁sentence｜>|<turn\|>|</s>|\[(?:EOS|eos|EOT|END|end of text|END_OF_TEXT)\]"
    r"|\[\|(?:endofturn|end)\|\]",
    re.I,
)
_INSTRUCTION_END = re.compile(r"\A.*\[/INST\]|\A.*<</SYS>>|\A.*\[/?SYSTEM_PROMPT\]", re.S | re.I)
# a further instruction behind the answer
_NEXT_INSTRUCTION = re.compile(
    r"\A((?:(?!\[/?INST\]|<</?SYS>>).)*?[\w.!?\"](?:</s>|<s>|\s)*)(?:\[INST\]|<<SYS>>).*\Z", re.S
)
_ROLE_NAMES = r"(?:assistant|model|ai|bot|gpt)"
_ASSISTANT = re.compile(
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|turn>|<\|start\|>|<\|role_start\|>)\s*"
    rf"{_ROLE_NAMES}\s*(?:<\|end_header_id\|>|<\|message\|>|<\|role_end\|>)?|<｜Assistant｜>|<\|(?:assistant"
    r"|bot|model)\|>|<\|im_assistant\|>[^<>\n]{0,20}<\|im_middle\|>|\[\|assistant\|\]",
    re.I,
)
_CALL = re.compile(
    r"<(tool_call|tool_response|function_call)>.*?</\1>|\[AVAILABLE_TOOLS\].*?\[/AVAILABLE_TOOLS\]", re.S
)
_TOKEN = re.compile(
    r"(?-i:</?[A-Z][A-Z0-9]*_[A-Z0-9_]+>|\[/?(?:IMG|IMAGE|VIDEO|AUDIO|TOOL|AVAILABLE|BEGIN|START|END|PAD|CONTROL"
    r"|SYSTEM|USER|ASSISTANT|MODEL)_[A-Z_]+\])|\[\|[^\[\]|\n]{1,40}\|\]|\[gMASK\]|</?(?:start|end|begin|fim|im"
    r"|vision|image|video|audio|media|img|tool|object)_\w{1,30}/?>|</?(?:sop|eop|vision)>"
    r"|<\|[^<>|\n]{1,60}\|?>|<[^<>|\n]{1,60}\|>|<｜[^<>\n]{1,60}｜>|<<?/?SYS>?>|\[/?(?:INST|SYSTEM_PROMPT|PAD"
    r"|UNK|CLS|SEP|BOS|EOS|IMG|IMG_END|TOOL_CALLS)\]"
    r"|</?(?:s|bos|eos|pad|unk|mask|sep|cls|image|img|video|audio|frames?|pictures?|user|assistant|system"
    r"|human|model|box|ref|quad|obj"
    r"|point|object|region|global-img|fake_token_around_image|start_of_turn|end_of_turn|end_of_utterance"
    r"|start_of_image|end_of_image"
    r"|row_\d+_col_\d+|loc_?\d+|image_?\d+|img_?\d+|video_?\d+|frame_?\d+|unused\d+|extra_id_\d+"
    r"|reserved_\w+|0x[0-9a-f]{2}|n_image_token)\s*/?>",
    re.I,
)
_PIECES = re.compile("[▁Ġ](?=\\w)")
_NEWLINES = re.compile("Ċ|<0x0A>")
_REFERENCE = re.compile(r"\s*<(ref|cite|sup)\b[^<>]*>\s*[\[(]?\d[\d,\s]*[\])]?\s*</\1>", re.I)
_BOX = re.compile(
    r"<\|?box(?:_start)?\|?>.*?<\|?/?box(?:_end)?\|?>|\s*\{\s*(?:<\d{1,4}>\s*)+\}"
    r"|<(?P<tag>\w{2,16})>[\s\d.,;()\[\]]+</(?P=tag)>"
    # names and numbers of a place: [x=0.41, y=0.55], {"bbox_2d": [43, 51, 388, 910]}
    r"|\s*\{\s*\"\w{1,24}\"\s*:\s*[\[(]?[\d.,\s]+[\])]?\s*\}"
    r"|(?:\s+at)?\s*[\[(]\s*(?:[a-z]\w{0,12}\s*[=:]\s*[\[(]?-?[\d.]+[\])]?\s*,\s*)*(?:bbox\w*|box"
    r"|[a-z]\w{0,12}(?=\s*=))\s*[=:]\s*"
    r"[\[(]?-?[\d.]+(?:\s*,\s*-?[\d.]+)*[\])]?\s*[\])]"
    # corners of a box: four numbers, of which one is a fraction or has three digits
    r"|\s*[(\[]{1,2}(?=[\d.,\s]*(?:0?\.\d|\d{3}))\s*\d*\.?\d+(?:\s*,\s*\d*\.?\d+){3}\s*\)\]?"
    r"|\s*\[{1,2}(?=[\d.,\s]*0?\.\d)\s*\d*\.?\d+(?:\s*,\s*\d*\.?\d+){3}\s*\]{1,2}"
    r"|\s*\(\s*\d+\s*,\s*\d+\s*\)\s*,?\s*\(\s*\d+\s*,\s*\d+\s*\)",
    re.I | re.S,
)
_ROLE = re.compile(
    r"\A\W{0,4}(?:assistant|model|ai(?: assistant)?|bot|gpt|chatgpt|system|output|(?-i:A)(?=:))\W{0,4}(?::|\n)\s*", re.I
)
# the head of another turn: a role that begins a line, or a role within a line behind a whole sentence
_NEXT_TURN = re.compile(
    r"\n[^\S\n]*(?:#{1,4} ?)?\**(?:User|USER|Human|HUMAN|user|human|Assistant|ASSISTANT|assistant|Instruction"
    r"|INSTRUCTION|System|SYSTEM|Question|Q|Input|Response|Prompt)\**\s*:"
    r"|\n[^\S\n]*(?:#{1,4} ?)(?:Instructions?|Input|Response|User|Human|Question|Assistant)\b"
    r"|\n(?:user|assistant|system|human)\s*\n"
    r"|(?<=[.!?…。！？\"”’)\]*])\s+(?:\**(?:User|USER|Human|HUMAN)"
    r"|(?P<marked>#{2,4} ?\**)(?:User|Human|Assistant|ASSISTANT|Instruction|System|Question|Input|Response|Prompt))"
    r"\**\s*:"
)
# what a user asks of a model: a question, or a request that begins with such a word
_REQUEST = re.compile(
    r"\s*(?:[^.!?\n]*[?？]|(?:please|now|describe|continue|write|rewrite|summari[sz]e|tell|give|explain|provide"
    r"|generate|caption|list|translate|make|shorten)\b)",
    re.I,
)
# where a conversation may be in the video itself
_CONVERSATION = re.compile(
    r"\b(?:chat|conversation|dialog|messag|transcript|prompt|interface|screen|monitor|display|terminal|browser|app\b"
    r"|website|web page|laptop|computer|phone|tablet|slide|text|subtitle|caption|bot\b|robot|assistant|user|card|poster"
    r"|board|comic|script)",
    re.I,
)
_ASKED = re.compile(
    r"\A\W*(?:system|user|human|question|q|instructions?|input|prompt)\W{0,3}:.*?(?:\n\W{0,4}(?:assistant|ai"
    r"|answer|a|response|output|model|bot)|\s(?-i:ASSISTANT|Assistant)|(?<=\?)\s+(?-i:A|Answer))\W{0,3}:\s*",
    re.I | re.S,
)
_HEADER = re.compile(r"\A\s*#{1,4} ?(?:Assistant|Response|Answer|Output)\s*:?\s*", re.I)


def template_tokens(text: str, context: Context) -> str:  # noqa: ARG001
    """The model's own turn out of a transcript with template tokens, and those tokens out of the turn."""
    if (turn := _NEXT_INSTRUCTION.match(text)) is not None:
        text = turn[1]
    if "[/" in text or "SYS" in text:
        text = _INSTRUCTION_END.sub("", text)
    if any(mark in text for mark in "<[({"):
        text = _own_turn(removed(_CALL, text, " "))
        text = removed(_REFERENCE, text)
        text = removed(_TOKEN, _BOX.sub(" ", _NEWLINES.sub("\n", text)), " ")
    return _PIECES.sub(" ", text).replace("Ċ", "\n") if "Ġ" in text or "▁" in text else text


def _own_turn(text: str) -> str:
    """The first turn of the assistant: behind its first mark, up to the first end of a turn behind words."""
    found = _ASSISTANT.search(text)
    if found and text[found.end() :].strip():
        text = text[found.end() :]
    at = 0
    hidden = masked(text)
    while (end := _END.search(hidden, at)) is not None:
        if _TOKEN.sub("", text[: end.start()]).strip():
            return text[: end.start()]
        at = end.end()
    return text


def roles(text: str, context: Context) -> str:  # noqa: ARG001
    """`assistant:` before the answer, and further turns of a conversation behind it."""
    if (asked := _ASKED.match(text)) is not None:
        text = text[asked.end() :]
    text = _ROLE.sub("", _HEADER.sub("", text))
    heads = outside_quotes(_NEXT_TURN, text)
    start = next((head.start() for head in heads if _begins_turn(text, head)), None)
    return text if start is None else text[:start]


def _begins_turn(text: str, head: re.Match[str]) -> bool:
    """Whether a model goes on as somebody else behind its caption.

    `User: hello` within a line may as well be in the video. There it is a turn only if it asks for something and the
    caption has no place for a conversation: a turn that stays does less harm than true text that is deleted.
    """
    before = text[: head.start()].strip()
    if not before or before.endswith((":", ",")):  # the video shows what follows: "The slide lists:"
        return False
    if head[0].lstrip(" \t").startswith("\n") or head["marked"]:
        return True
    return _REQUEST.match(text, head.end()) is not None and _CONVERSATION.search(before) is None
