"""Words before a caption that are none of it: "Sure!", "Here is …:", "In this video,", "The frames show"."""

from __future__ import annotations

import re

from operators.cleaning import talk
from operators.cleaning.context import Context
from operators.cleaning.paragraphs import each
from operators.cleaning.quotes import HIDDEN, masked, removed

_YES = re.compile(
    r"\A\W*(?:sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|alright|understood|got it"
    r"|no problem|gladly|(?:with|my) pleasure|(?:hello|hi|hey|greetings)(?=[!,.])|here it is"
    r"|great(?: question| choice)?|good question|yes|here you (?:go|are)|as requested|happy to help"
    r"|natürlich|gerne|bien sûr|claro|por supuesto|certo|конечно|当然|好的|もちろん)"
    r"(?=[!,.:;—–\-！，。：])[!,.:;—–\-\s！，。：]+",
    re.IGNORECASE,
)
_WORK = (
    r"(?:descriptions?|captions?|summar(?:y|ies)|paragraphs?|accounts?|rewrites?|rewritten|versions?"
    r"|responses?|answers?|outlines?|sections?|openings?|notes?|text|narrat\w+|json|lists?|breakdown"
    r"|overviews?|details|transcripts?|output|results?|prose|continuation|what happens|attempt)"
)
_NO_COLON = rf"(?:[^.!?\n:：{HIDDEN}]|\.(?=\d)|(?<=\d):(?=\d))"
_LEAD = re.compile(
    r"\A\W*(?:(?:and |so |now |then |[^,.:!?\n]{1,60}, )?(?:here(?:'s| is| are| comes| goes)|below (?:is"
    r"|are)|this is|the following(?: is| are)?|following is|what follows is|i(?:'ve| have)? (?:written"
    r"|created|prepared|made|wrote|would|will)|my|your|as requested)\b"
    rf"(?={_NO_COLON}{{0,160}}\b{_WORK}\b)|(?:hier ist|voici|aquí|ecco|aqui está|вот|以下是|这是)"
    rf"|(?:as an? (?:\w+ ){{0,3}}(?:captioner|describer|writer|narrator|annotator|assistant"
    rf"|expert)\b(?={_NO_COLON}{{0,200}}\b(?:i|my|here)\b)|let(?:'s| us| me) (?:break|describe|go|look|see"
    rf"|summari[sz]e|caption|start|begin|narrate|walk)\b|to (?:describe|summari[sz]e"
    r"|caption|put|answer)\b)"
    rf"|(?!{_NO_COLON}*\b(?:reads?|says?|shows?|states?|appears?)\b)(?:the |a |an )?(?:\w+ "
    rf"){{0,3}}(?:description|caption|summary|paragraph|rewrite|answer|response) (?:of|for|in|from|is|that"
    r"|would|could|might|reads as)\b)"
    rf"{_NO_COLON}{{0,200}}[:：]\s*",
    re.IGNORECASE,
)
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|next|last|final|opening|initial|middle|subsequent|following"
    r"|later|earlier|remaining)"
)
_FRAME_WORDS = (
    rf"(?:{_ORDINAL}(?: (?:few|two|three|several))? (?:frame|image)|frames|images|pictures|stills"
    r"|screenshots|(?:sequence|series|set|collection|succession|selection) of (?:\w+ )?(?:frames|images"
    r"|pictures|stills|photos|photographs|screenshots)|image sequence|frame sequence)"
)
_CLIP_WORDS = (
    r"(?:video(?: clip| segment| footage| sequence)?|clip|footage|segment|stretch|excerpt|recording|snippet|section)"
)
_SHOWS = (
    r"(?:(?:clearly|mainly|primarily|simply|also|together|collectively|then|all|first) )?(?:shows?|depicts?"
    r"|captures?|describes?|covers?|displays?|features?|presents?|portrays?|illustrates?|showcases?"
    r"|reveals?|contains?|focus(?:es)? on|(?:is|are) (?:showing|depicting)|(?:appears?|seems?) to (?:show"
    r"|depict))"
)
_DETERMINER = (
    r"(?=(?:an?|the|two|three|four|five|six|several|many|some|various|different|one|multiple|his|her|their"
    r"|its|another|people|children|men|women|\d+)\b)"
)
_MEDIUM = re.compile(
    r"\A(?:then,? |next,? |finally,? |here,? )?(?:(?:the|these|this|all|those|both|each of the|our)(?: "
    rf"(?:\d+|\w+)){{0,3}}? {_FRAME_WORDS}"
    r"|(?:the|this)(?: (?:provided|given|short|entire|whole|brief|first|next|following|sampled|input))? "
    rf"{_CLIP_WORDS}) {_SHOWS} (?:us |that |how )?{_DETERMINER}",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\A(?:frames?|windows?|images?|captions?|pictures?|sections?|stretch) "
    r"?#?\d+(?:\s*[-–&]\s*\d+)?(?:\s*\([^)]*\))?\s*:\s*",
    re.IGNORECASE,
)
_SEEN = re.compile(rf"\Ai (?:can |could )?(?:clearly )?(?:see|observe|notice) (?:that )?{_DETERMINER}", re.IGNORECASE)
_WHERE = re.compile(
    r"\A(?:(?:in|throughout|during|across|within|over|from|as (?:seen|shown|depicted) in|at the "
    rf"(?:beginning|start) of)\s+(?:(?:this|these)(?: \w+){{0,2}}? (?:{_CLIP_WORDS}|{_FRAME_WORDS}|part"
    r"|portion|image|frame|picture|photo|video frame)"
    r"|the (?:(?:provided|given|short|entire|whole|following|sampled) )?(?:video(?: clip| segment| "
    rf"footage)?|clip|footage|{_FRAME_WORDS}|(?:next|following|present|current|given) (?:section|segment"
    r"|part|stretch|clip)))"
    r"(?: (?:of|from) (?:the|this) (?:\w+ )?(?:video|footage|clip|film|recording|description|story))?"
    rf"|(?:moving|going|continuing|turning) on(?:to| to)? (?:the )?(?:next|following)(?: \w+){1, 3}"
    r"|(?:continuing|picking up|following on|carrying on|moving on|building|leading on)(?: on)? from "
    rf"(?:the |where the )?(?:previous|last|preceding|earlier|prior)(?: \w+){{1,4}}"
    r"|looking (?:closely |carefully )?(?:at|through) the (?:\w+ )?(?:frames|images|captions|stills)(?: in (?:order"
    r"|sequence)| one by"
    r" one)?|in (?:response|answer|reply) to (?:your (?:request|question|prompt|instructions?)|the (?:request|prompt"
    r"|instructions?))"
    r"|(?:based on|according to|judging (?:by|from)|given|from|as (?:seen|shown|described) in) (?:the"
    r"|these|this|those|all the)(?: (?:provided|given|supplied|available|above|sampled|video|image|frame"
    r"|input|sequential))+ ?(?:captions?|frames?|images?|notes?|descriptions?|information|details?|footage"
    r"|video|clips?|pictures?)?)\s*[,:]\s*(?:we (?:can )?(?:see|observe) (?:that )?|it can be seen that "
    r"|there is a scene (?:where|in which) )?",
    re.IGNORECASE,
)
_PROVIDED = re.compile(
    r",?\s*\b(?:(?:in|across|throughout|within|from) (?:the|these|all(?: the)?|both|any of the) "
    r"(?:provided |given |sampled )?(?:video |image )?frames)\b(?! of)|,?\s*\b(?:(?:as|and) (?:seen|shown"
    r"|described|depicted|mentioned|stated) (?:in|by)|based on|according to) (?:the|these) (?:provided"
    r"|given|supplied|above|previous) (?:captions?|frames?|images?|notes?|descriptions?|video frames?)\b",
    re.IGNORECASE,
)


def acknowledgements(text: str, context: Context) -> str:  # noqa: ARG001
    """ "Sure!", and what introduces the answer up to its colon."""
    before = None
    while before != text:
        before = text
        for pattern in (_YES, _LEAD):
            found = pattern.match(masked(text))
            if found:
                text = text[found.end() :]
    return text


def framing(text: str, context: Context) -> str:
    """ "In this video,", "The frames show", "Based on the provided captions,": what is seen is what the video shows."""
    return each(text, context, _unframed)


def _unframed(sentence: str) -> str:
    if talk.refuses(sentence):
        return sentence
    before, stripped = None, sentence
    while before != stripped:
        before = stripped
        for pattern in (_NUMBERED, _WHERE, _MEDIUM, _SEEN):
            found = pattern.match(masked(stripped))
            if found and len(stripped[found.end() :].split()) >= 2:
                stripped = stripped[found.end() :]
    stripped = removed(_PROVIDED, stripped)
    if stripped == sentence:
        return sentence
    return stripped[:1].upper() + stripped[1:] if sentence[:1].isupper() else stripped
