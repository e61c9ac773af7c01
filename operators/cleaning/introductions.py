"""Introductions of an answer: "Sure!", "Here is …:", a label in front of the first sentence."""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import HIDDEN, masked

_YES = re.compile(
    r"\A\W*(?:sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|alright|understood|got it"
    r"|no problem|gladly|(?:with|my) pleasure|(?:hello|hi|hey|greetings)(?=[!,.])|here it is"
    r"|great(?: question| choice)?|good question|yes|yep|yeah|roger(?: that)?|copy that|will do|noted|right away"
    r"|on it"
    r"|you(?:'ve)? got it|sounds good|perfect|wonderful|excellent|awesome|fantastic|very well|no worries"
    r"|thanks?(?: you)?(?: so much)?(?: for (?:the|your|these|sharing)\b[^.!,:\n]{0,40})?|here you (?:go|are)"
    r"|as requested|happy to help"
    r"|natürlich|gerne|bien sûr|claro|por supuesto|certo|конечно|当然|好的|もちろん)"
    r"(?=\s?[!.:;—–\-！，。：]|,)[!,.:;—–\-\s！，。：]+",
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
_LANGUAGE = (
    r"(?:english|german|french|spanish|italian|portuguese|dutch|russian|chinese|japanese|korean|arabic|hindi"
    r"|deutsch"
    r"|français|español|translat(?:ion|ed))"
)
_IN_LANGUAGE = re.compile(
    rf"\A\W{{0,4}}(?:(?:in |the )?(?:{_LANGUAGE})(?: (?:translation|version|text|caption|description|summary|answer"
    rf"|only))?"
    rf"|(?-i:EN|DE|FR|ES))(?:\W{{0,3}}[:：]\W{{0,3}}\s*|(?<=\w)[)\]]:?\s*)",
    re.IGNORECASE,
)
# whatever stands before a colon behind which a new sentence begins; a head that names somebody or something is none
_HEAD = re.compile(
    rf"\A[^\w\n\"“'(\[]{{0,6}}(?!(?:an?|two|three|some|his|her|their|its|on|in|at|behind|under|from|to|mr|mrs|ms"
    rf"|dr)\b)(?!(?:the|this|that)\b"
    rf"(?!{_NO_COLON}{{0,60}}\b(?:following|{_WORK[3:-1]}|events?|order|sequence|moment|video|clip)\b))"
    rf"(?!{_NO_COLON}*\b(?:reads?|says?|said|asks?|shouts?|writes?|written|sign|name[ds]?|title[ds]?)\b)"
    rf"(?:[\w’'()/&-]+,?[ ]+){{0,7}}[\w’'()/&-]+[ ]?(?:[:：]|→)[*_]{{0,3}}\s+(?=(?:An?|The|Two|Three|Four|Several"
    rf"|Some"
    rf"|Many|One|People|His"
    rf"|Her|In|On|At|He|She|They|It|There|Inside|Outside|Under|Behind)[ ]\w)"
)
# a clause up to a colon that says nothing but that something follows, or that the model speaks
_FOLLOWS = re.compile(
    rf"\A\W{{0,4}}(?!{_NO_COLON}*\b(?:reads?|says?|writ\w+|asks?|shouts?|instruct\w*|rules?|steps?|ingredients?)\b)"
    rf"(?:(?:what|the (?:\w+ )?(?:sequence|order|series|course|chain|events?|actions?|scene|story|content|video"
    rf"|clip"
    rf"|stretch"
    rf"|footage|following)|events?|things)\b{_NO_COLON}{{0,80}}\b(?:the following|as follows|like (?:this|so)"
    rf"|this way|in this (?:way|order)|below|can be (?:described|summari[sz]ed|seen|captioned)(?: as)?|happens?"
    rf"|happening"
    rf"|occurs?|unfolds?|be seen|(?:i|we) (?:can )?(?:see|observe|make out|notice|find))"
    rf"|{_NO_COLON}{{0,60}}\b(?:i(?:'ll|'d|'ve| can| could| will| would| have)?|we can) (?:see|make out|observe"
    rf"|describe|caption"
    rf"|put|phrase|write|summari[sz]e|say)\b{_NO_COLON}{{0,40}}"
    rf"|(?:if i |if you )?(?:were|had|have) to\b{_NO_COLON}{{0,60}}|in (?:a few|other|simple|plain|my own|one"
    rf"|short) (?:words?"
    rf"|terms|sentences?)|put (?:simply|briefly|differently))\s*[:：]\s*(?![{HIDDEN}\"“'‘])",
    re.IGNORECASE,
)
# of the first sentence alone
_FILLER = re.compile(
    r"\A\W*(?:(?:well|so|right|hmm+|hm|um+|uh+|anyway|basically|essentially|now|ok(?:ay)? so|alright so|all right)"
    r"\s*(?:,|\.{1,3}|…|(?<=so)\s)\s*(?=\w)|(?:dear|hi|hello) [\w ]{1,20},\s+"
    r"|(?:in (?:summary|short|brief|conclusion|essence|sum|one sentence|a few words)|to (?:summari[sz]e|sum up"
    r"|put it (?:briefly|simply))|overall|briefly|(?:simply|briefly) put|put (?:simply"
    r"|briefly|in [^,.:;]{1,30})|told (?:simply|plainly|briefly)|here"
    r"|it (?:appears|seems|looks) (?:that|as (?:if|though)|like)(?=\s))(?:,\s+|(?<=that)\s+|(?<=though)\s+"
    r"|(?<=if)\s+|(?<=like)\s+)|(?:speaking )?as an? (?:\w+ ){0,3}"
    r"(?:annotator|captioner|expert|assistant|model|describer|ai),\s+|(?:(?:processing|analy[sz]ing|thinking"
    r"|loading|generating"
    r"|reading|looking|watching|captioning|describing)\b[^.…!?\n]{0,30}(?:\.{2,3}|…)\s*)+|(?:caption|description"
    r"|answer"
    r"|output|result|summary)\s*(?:=+>?|-+>|»|>+)\s*)",
    re.IGNORECASE,
)


def acknowledgements(text: str, context: Context) -> str:  # noqa: ARG001
    """ "Sure!", and what introduces the answer up to its colon."""
    before = None
    while before != text:
        before = text
        for pattern in (_YES, _LEAD, _IN_LANGUAGE, _FOLLOWS, _FILLER):
            found = pattern.match(masked(text))
            if found:
                text = text[found.end() :]
    return text


def lead_in(text: str, context: Context) -> str:  # noqa: ARG001
    """A few words up to a colon at the very beginning, behind which a sentence begins: "Short answer: A man …"."""
    found = _HEAD.match(masked(text))
    return text[found.end() :] if found else text
