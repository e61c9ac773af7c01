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
    r"|great(?: question| choice)?|good question|yes|yep|yeah|roger(?: that)?|copy that|will do|noted|right away|on it"
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
    r"(?:english|german|french|spanish|italian|portuguese|dutch|russian|chinese|japanese|korean|arabic|hindi|deutsch"
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
    rf"(?:[\w’'()/&-]+,?[ ]+){{0,7}}[\w’'()/&-]+[ ]?(?:[:：]|→)[*_]{{0,3}}\s+(?=(?:An?|The|Two|Three|Four|Several|Some"
    rf"|Many|One|People|His"
    rf"|Her|In|On|At|He|She|They|It|There|Inside|Outside|Under|Behind)[ ]\w)"
)
# a clause up to a colon that says nothing but that something follows, or that the model speaks
_FOLLOWS = re.compile(
    rf"\A\W{{0,4}}(?!{_NO_COLON}*\b(?:reads?|says?|writ\w+|asks?|shouts?|instruct\w*|rules?|steps?|ingredients?)\b)"
    rf"(?:(?:what|the (?:\w+ )?(?:sequence|order|series|course|chain|events?|actions?|scene|story|content|video|clip"
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
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|next|last|final|opening|initial|middle|subsequent|following"
    r"|later|earlier|remaining)"
)
_FRAME_WORDS = (
    rf"(?:{_ORDINAL}(?: (?:few|two|three|several))? (?:frame|image)s?|frames|images|pictures|stills"
    r"|screenshots|(?:sequence|series|set|collection|succession|selection) of (?:\w+ )?(?:frames|images"
    r"|pictures|stills|photos|photographs|screenshots)|image sequence|frame sequence)"
)
_CLIP_WORDS = (
    r"(?:video(?: clip| segment| footage| sequence)?|clip|footage|segment|stretch|excerpt|recording|snippet|section)"
)
_SHOWS = (
    r"(?:(?:clearly|mainly|primarily|simply|also|together|collectively|then|all|first) )?(?:shows?|depicts?"
    r"|captures?|describes?|covers?|displays?|features?|presents?|portrays?|illustrates?|showcases?"
    r"|reveals?|contains?|focus(?:es)? on|follows?|introduces?|cent(?:er|re)s (?:on|around)|revolves around"
    r"|deals with|is about|(?:is|are) (?:showing|depicting)|(?:appears?|seems?) to (?:show"
    r"|depict))"
)
_DETERMINER = (
    r"(?=(?:an?|the|two|three|four|five|six|several|many|some|various|different|one|multiple|his|her|their"
    r"|its|another|people|children|men|women|\d+)\b)"
)
_MEDIUM = re.compile(
    r"\A(?:then,? |next,? |finally,? |here,? )?(?:(?:the|these|this|all|those|both|each of the|our)(?: "
    rf"(?:\d+|\w+)){{0,3}}? {_FRAME_WORDS}"
    r"|(?:the|this)(?: (?:provided|given|short|entire|whole|brief|first|next|following|sampled|input|long"
    r"|\w+-(?:second|minute)(?:-long)?))? "
    rf"{_CLIP_WORDS}(?: of (?:the|this) (?:video|clip|footage|film|recording))?) {_SHOWS} (?:us |that "
    rf"|how )?{_DETERMINER}",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    rf"\A(?:(?:and |then )?(?:the |in the )?{_ORDINAL} (?:frame|window|image|caption|picture|section|segment|stretch"
    rf"|clip|shot"
    r"|part)\s*:\s*)|\A(?:frames?|windows?|images?|captions?|pictures?|sections?|stretch|scenes?|shots?|parts?|clips?"
    r"|segments?|moment|event|action) "
    r"?#?\d+(?:\s*[-–&]\s*\d+)?(?:\s*\([^)]*\))?\s*:\s*",
    re.IGNORECASE,
)
_SEEN = re.compile(
    rf"\A(?:(?:i|one) (?:can |could |may |might |are able to )?(?:clearly |also |then )?(?:see|observe|notice|spot)"
    rf"|(?:the )?viewers? (?:can |then |also )?(?:sees?|observes?|witness(?:es)?|notices?)"
    rf"|(?:we|the viewers?|viewers) (?:is|are) (?:then |first |also )?(?:shown|presented with|treated to"
    rf"|greeted (?:by|with)"
    rf"|introduced to|taken to)"
    rf"|we (?:watch|see|observe|witness) as|here,? (?:we|i) (?:can )?see|it (?:appears|seems"
    rf"|looks like) (?:that )?(?:the"
    rf"|this) (?:\w+ ){{0,2}}(?:{_CLIP_WORDS}|image|photo"
    rf"|frames?) (?:is|are)? ?(?:show|depict|featur|captur)\w*|the (?:scene|image|moment|frame)(?: (?:depicted|shown"
    rf"|captured|seen|presented))?"
    rf" in (?:the|this) (?:image|frame|photo(?:graph)?|picture|video|clip) (?:shows|depicts|features|is)"
    rf"|it (?:can|could|may) be (?:clearly )?(?:seen|observed|noted)"
    rf"|(?:clearly )?(?:pictured|shown|depicted|visible|seen|featured|captured)(?: here| above| below| in (?:this"
    rf"|the) (?:image"
    rf"|frame|video|clip|photo(?:graph)?|picture|scene|shot))?,? (?:is|are))"
    rf" (?:that |how )?{_DETERMINER}(?=.*\b(?:\w+ing|who|that|while|as|is|are|on|in|at)\b)"
    rf"|\A(?:this|here|it)(?: is|'s) (?:an?|the) (?:\w+ ){{0,3}}?(?:still|screenshot|snapshot|screen ?(?:grab|capture)"
    rf"|(?:video )?frame)(?: image| frame)?,? (?:(?:taken |captured )?from (?:an?|the|this) (?:\w+ ){{0,2}}(?:video"
    rf"|clip|film"
    rf"|movie|recording|footage|game|show)(?: clip)?,? )?(?:of|showing|depicting|that (?:shows|depicts)|in which|where)"
    rf" {_DETERMINER}",
    re.IGNORECASE,
)
# of the first sentence alone: behind others, "the photo" may be a photo in somebody's hand
_STILL = re.compile(
    rf"\A(?:the (?:main |central )?(?:subject|focus|focal point) of (?:the|this) (?:\w+ )?(?:image|photo"
    rf"|photograph|picture|frame|shot|scene) is |(?:an?|the) (?:\w+ )?(?:image|photo|photograph|picture|screenshot"
    rf"|still|snapshot)(?: of| showing"
    rf"| depicting) "
    rf"(?![^.!?]*\b(?:is|are|was|were|appears?|shown|hangs?|flash\w*|follow\w*|fades?)\b)|(?:the|this)(?: (?:provided"
    rf"|given|attached|uploaded|above|current|single|whole|entire|colou?r|\d+\w\w))?"
    rf" (?:image|photo|photograph|picture|frame|screenshot|still|snapshot)(?: \d+)? {_SHOWS} (?:us |that "
    rf"|how )?){_DETERMINER}"
    rf"(?!(?:an?|the) (?:\w+ ){{0,2}}(?:pictures?|photos?|photographs?|images?|paintings?|drawings?|posters?|portraits?"
    rf"|screenshots?))",
    re.IGNORECASE,
)
_PHOTO = re.compile(r"\b(?:photo(?:graph)?|picture|image|snapshot)s?\b", re.IGNORECASE)
_NUMBERED_SHOWS = re.compile(
    rf"\A(?:and |then |next,? )?(?:windows?|frames?|captions?|images?|segments?|notes?|clips?) \d+(?:\s*(?:,|and|to"
    rf"|[-–&])\s*\d+)*"
    rf" (?:both |all |also |then )?{_SHOWS} (?:us |that |how )?{_DETERMINER}",
    re.IGNORECASE,
)
_OF_FRAME = re.compile(
    r"\b(?P<place>cent(?:er|re)|middle|left|right|foreground|background|top|bottom|corner|side|edge|half|part)"
    r" of (?:the|this) (?:image|photo|photograph|picture)(?=,|\.|;| (?:is|are|stands?|sits?|lies|and)\b|\s*\Z)",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"\A(?:(?:meanwhile|then|next|finally|later|also|again|and|afterwards?),? (?=(?:in|as|towards?|at|near) ))?"
    rf"(?:(?:as|while|when) (?:the|this) (?:{_CLIP_WORDS}|scene|story|sequence|frames?|action) (?:progress(?:es)?"
    rf"|continues?"
    r"|unfolds?|goes on|moves (?:on|forward)|plays(?: on| out)?|advances?|proceeds?|develops?|starts?|begins?|opens?"
    r"|ends?"
    r"|concludes?|comes to (?:an end|a close)|draws to (?:an end|a close)|nears its (?:end|close))"
    r"|(?:towards?|near|by|at|before|until) the (?:very )?(?:end|beginning|start|middle|close|outset"
    r"|conclusion) of (?:the|this)"
    r" (?:clip|segment|stretch|footage|sequence|section|window|frames|excerpt|recording)"
    r"|(?:from|judging by|based on|given) what (?:can be (?:seen|observed|made out)|is (?:visible|shown|seen)|(?:i|we"
    r"|one) (?:can )?"
    r"(?:see|observe|make out))|as far as (?:can be (?:seen|told)|(?:i|one|we) can (?:see|tell))"
    r"|(?:during|in|over|within|for|throughout) (?:these|this|the (?:given|whole|entire)) (?:\w+[- ])?(?:seconds?"
    r"|minutes?)"
    r"(?:[- ](?:window|clip|stretch|segment|video|period|span))?"
    r"|in the (?:next|following|previous|preceding|final|last|current|present|(?:very )?first|second|third) (?:window"
    r"|caption)"
    r"|(?:in|over the course of|for (?:the duration|most) of|(?:early|late|later|midway|halfway|part-?way"
    r"|earlier) (?:in|into|through)"
    r"|throughout|during|across|within|over|from|as (?:seen|shown|depicted) in|at the "
    rf"(?:beginning|start) of)\s+(?:(?:this|these)(?: \w+){{0,2}}? (?:{_CLIP_WORDS}|{_FRAME_WORDS}|frames|part"
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
        for pattern in (_YES, _LEAD, _IN_LANGUAGE, _FOLLOWS):
            found = pattern.match(masked(text))
            if found:
                text = text[found.end() :]
    return text


def lead_in(text: str, context: Context) -> str:  # noqa: ARG001
    """A few words up to a colon at the very beginning, behind which a sentence begins: "Short answer: A man …"."""
    found = _HEAD.match(masked(text))
    return text[found.end() :] if found else text


def framing(text: str, context: Context) -> str:
    """ "In this video,", "The frames show", "Based on the provided captions,": what is seen is what the video shows."""
    found = _STILL.match(masked(text))
    if found and len(text[found.end() :].split()) >= 2 and not (talk.refuses(text) or _PHOTO.search(text, found.end())):
        text = text[found.end() : found.end() + 1].upper() + text[found.end() + 1 :]
    return each(text, context, _unframed)


def _unframed(sentence: str) -> str:
    if talk.refuses(sentence):
        return sentence
    before, stripped = None, sentence
    while before != stripped:
        before = stripped
        for pattern in (_NUMBERED, _WHERE, _MEDIUM, _NUMBERED_SHOWS, _SEEN):
            found = pattern.match(masked(stripped))
            if found and len(stripped[found.end() :].split()) >= 2:
                stripped = stripped[found.end() :]
    stripped = removed(_PROVIDED, stripped)
    if (placed := _OF_FRAME.search(masked(stripped))) is not None:
        stripped = stripped[: placed.end("place")] + stripped[placed.end() :]
    if stripped == sentence:
        return sentence
    return stripped[:1].upper() + stripped[1:] if sentence[:1].isupper() else stripped
