"""Framing of what is seen: "In this video,", "The frames show", "It can be observed that"."""

from __future__ import annotations

import re

from operators.cleaning import talk
from operators.cleaning.context import Context
from operators.cleaning.paragraphs import each
from operators.cleaning.quotes import masked, removed

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
    r"(?:video(?: clip| segment| footage| sequence)?|clip|footage|segment|stretch|excerpt|recording|snippet"
    r"|section)"
)
_SHOWS = (
    r"(?:(?:clearly|mainly|primarily|simply|also|together|collectively|then|all|first) )?(?:shows?|depicts?"
    r"|captures?|describes?|covers?|displays?|features?|presents?|portrays?|illustrates?|showcases?"
    r"|reveals?|contains?|focus(?:es)? on|follows?|introduces?|cent(?:er|re)s (?:on|around)|revolves around"
    r"|deals with|is about|(?:lets?|allows?) (?:us|one|you|viewers) (?:to )?(?:see|watch|observe"
    r"|follow)|(?:is|are) (?:showing|depicting)|(?:appears?|seems?) to (?:show"
    r"|depict))"
)
_BEGINS = (
    r"(?:(?:then|first) )?(?:begins?|starts?|opens?|commences?|kicks off)(?: off| out| up)? (?:with|on|by showing"
    r"|as"
    r"|to reveal|to show)"
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
    rf"(?:{_CLIP_WORDS}|scene)(?: of (?:the|this) (?:video|clip|footage|film|recording))?)"
    rf" (?:{_SHOWS}|{_BEGINS}) (?:us |that |how )?{_DETERMINER}",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    rf"{_MEDIUM.pattern.removesuffix(_DETERMINER)}(?P<who>him|her|them)(?= (?:\w+ing|at|in|on|by|near|with|from"
    rf"|behind"
    r"|inside|outside|again|still|now)\b)",
    re.IGNORECASE,
)
_BECOMES = {"him": "He is", "her": "She is", "them": "They are"}
# of the first sentence alone: behind others, "the picture" may be one in somebody's hand
_IN_STILL = re.compile(
    rf"\A(?:in|within) (?:the|this) (?:image|photo|photograph|picture|frame|screenshot"
    rf"|still),\s+(?:we (?:can )?see "
    rf"|there (?:is|are) )?{_DETERMINER}",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    rf"\A(?:(?:and |then )?(?:the |in the )?{_ORDINAL} (?:frame|window|image|caption|picture|section|segment"
    rf"|stretch"
    rf"|clip|shot"
    r"|part)\s*:\s*)|\A(?:frames?|windows?|images?|captions?|pictures?|sections?|stretch|scenes?|shots?|parts?"
    r"|clips?"
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
    rf"|frames?) (?:is|are)? ?(?:show|depict|featur|captur)\w*|the (?:scene|image|moment|frame)(?: (?:depicted"
    rf"|shown"
    rf"|captured|seen|presented))?"
    rf" in (?:the|this) (?:image|frame|photo(?:graph)?|picture|video|clip) (?:shows|depicts|features|is)"
    rf"|it (?:can|could|may) be (?:clearly )?(?:seen|observed|noted)"
    rf"|(?:clearly )?(?:pictured|shown|depicted|visible|seen|featured|captured)(?: here| above| below| in (?:this"
    rf"|the) (?:image"
    rf"|frame|video|clip|photo(?:graph)?|picture|scene|shot))?,? (?:is|are))"
    rf" (?:that |how )?{_DETERMINER}(?=.*\b(?:\w+ing|who|that|while|as|is|are|on|in|at)\b)"
    rf"|\A(?:this|here|it)(?: is|'s) (?:an?|the) (?:\w+ ){{0,3}}?(?:still|screenshot|snapshot|screen ?(?:grab"
    rf"|capture)"
    rf"|(?:video )?frame)(?: image| frame)?,? (?:(?:taken |captured )?from (?:an?|the|this) (?:\w+ ){{0,2}}(?:video"
    rf"|clip|film"
    rf"|movie|recording|footage|game|show)(?: clip)?,? )?(?:of|showing|depicting|that (?:shows|depicts)|in which"
    rf"|where)"
    rf" {_DETERMINER}",
    re.IGNORECASE,
)
# of the first sentence alone: behind others, "the photo" may be a photo in somebody's hand
_STILL = re.compile(
    rf"\A(?:the (?:main |central )?(?:subject|focus|focal point) of (?:the|this) (?:\w+ )?(?:image|photo"
    rf"|photograph|picture|frame|shot|scene) is |(?:an?|the) (?:\w+ )?(?:image|photo|photograph|picture|screenshot"
    rf"|still|snapshot)(?: of| showing"
    rf"| depicting) "
    rf"(?![^.!?]*\b(?:is|are|was|were|appears?|shown|hangs?|flash\w*|follow\w*|fades?)\b)|(?:the"
    rf"|this)(?: (?:provided"
    rf"|given|attached|uploaded|above|current|single|whole|entire|colou?r|\d+\w\w))?"
    rf" (?:image|photo|photograph|picture|frame|screenshot|still|snapshot)(?: \d+)? {_SHOWS} (?:us |that "
    rf"|how )?){_DETERMINER}"
    rf"(?!(?:an?|the) (?:\w+ ){{0,2}}(?:pictures?|photos?|photographs?|images?|paintings?|drawings?|posters?"
    rf"|portraits?"
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
    r"|unfolds?|goes on|moves (?:on|forward)|plays(?: on| out)?|advances?|proceeds?|develops?|starts?|begins?"
    r"|opens?"
    r"|ends?"
    r"|concludes?|comes to (?:an end|a close)|draws to (?:an end|a close)|nears its (?:end|close))"
    r"|(?:towards?|near|by|at|before|until) the (?:very )?(?:end|beginning|start|middle|close|outset"
    r"|conclusion) of (?:the|this)"
    r" (?:clip|segment|stretch|footage|sequence|section|window|frames|excerpt|recording)"
    r"|(?:from|judging by|based on|given) what (?:can be (?:seen|observed|made out)|is (?:visible|shown|seen)|(?:i"
    r"|we"
    r"|one) (?:can )?"
    r"(?:see|observe|make out))|as far as (?:can be (?:seen|told)|(?:i|one|we) can (?:see|tell))"
    r"|(?:during|in|over|within|for|throughout) (?:these|this|the (?:given|whole|entire)) (?:\w+[- ])?(?:seconds?"
    r"|minutes?)"
    r"(?:[- ](?:window|clip|stretch|segment|video|period|span))?"
    r"|in the (?:next|following|previous|preceding|final|last|current|present|(?:very )?first|second"
    r"|third) (?:window"
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
    r" one)?|in (?:response|answer|reply) to (?:your (?:request|question|prompt|instructions?)|the (?:request"
    r"|prompt"
    r"|instructions?))"
    r"|(?:based on|according to|judging (?:by|from)|given|from|as (?:seen|shown|described) in) (?:the"
    r"|these|this|those|all the)(?: (?:provided|given|supplied|available|above|sampled|video|image|frame"
    r"|input|sequential))+ ?(?:captions?|frames?|images?|notes?|descriptions?|information|details?|footage"
    r"|video|clips?|pictures?)?)\s*[,:]\s*(?:we (?:can )?(?:see|observe) (?:that )?|it can be seen that "
    r"|there is a scene (?:where|in which) )?",
    re.IGNORECASE,
)
# any phrase up to a comma in which the frames or the clip are looked through, not held or watched
_THROUGH = re.compile(
    r"\A(?:in|at|during|over|across|throughout|within|from|for|by|upon|on|through|between|viewed|seen|taken"
    r"|judging|looking"
    r"|going|putting|if i|as far as|without|to the best of|based|examining|observing|analy[sz]ing|reviewing"
    r"|evidently|clearly)\b(?![^,]*\b(?:phone|screen"
    r"|tablet|television|tv|wall|camera|projector|monitor|laptop)\b)[^,.:;!?]{0,60}?\b(?:the|this|these|all|each"
    r"|every|both"
    r"|(?:a|the)? ?series of|after)(?: [\w-]+){0,3} "
    rf"(?:{_FRAME_WORDS}|frames?|{_CLIP_WORDS}|(?<=this )window|(?:time )?(?:span|interval|period"
    rf"|frame)(?: specified| given)?"
    r"|captions|thumbnails|transcript)(?: as a whole| itself| alone| together| in (?:order|sequence)"
    r"| of (?:the|this) (?:video|clip|footage|recording))?,\s+(?:(?:we|i|one|you) (?:can |could )?(?:see|observe"
    r"|tell"
    r"|notice)(?: that)? |it (?:is|becomes) (?:clear|evident|apparent)(?: that)? |there (?:is|are) )?(?=\w)",
    re.IGNORECASE,
)
# what is seen is what there is
_THAT = re.compile(
    rf"\A(?:[^,.:;!?]{{1,40}}, )?(?:what (?:we|you|one|i) (?:can )?(?:see|observe)(?: here)? is(?: that)?"
    r"|(?:you|one) (?:can |could |may |might |will )?(?:clearly |also )?(?:see|observe|notice)(?: that| how"
    r"|(?= (?:an?|two|three|four|several|some|many|\d+)\b))"
    r"|it (?:is|becomes) (?:clearly |quite )?(?:evident|clear|apparent|obvious|visible|noticeable|worth noting"
    r"|notable"
    r"|important to note)(?: from [^,.]{1,30})? that|(?:it's|it is) worth (?:noting|mentioning) that"
    r"|(?:by|upon|after|on) [^,.;:]{1,50}\b(?:frames|clip|footage|images|stills)\b, (?:i|we|one) can (?:see|tell)"
    r" that|the (?:visuals?|visual content|imagery|camera work|sequence|video|clip|footage|frames|images|stills)"
    r" (?:(?:also|clearly|then) )?(?:shows?|reveals?|includes?|indicates?|confirms?|begins? as|opens? as"
    r"|starts? as)"
    r"(?: (?:us|that|how))?|we (?:are shown|observe|watch|can see|see)(?: how| that)"
    r"|what (?:happens|unfolds|occurs|we have)(?: here| in (?:this|the) \w+)? is (?:that|a (?:scene|clip"
    r"|video) (?:in which|where))"
    r"|the (?:main |key )?(?:event|action|gist)(?: (?:of|in) (?:this|the) \w+)? is that|an? (?:\w+ )?(?:scene|view"
    r"|clip|video|moment|sequence|shot)"
    r" (?:in which|where|of how|when)|(?:this|it|here)(?: is|'s) (?:a|the) (?:\w+ )?(?:video|clip|scene|segment"
    r"|description"
    r" of a scene|footage) (?:where|in which|of how))\s+(?=\w)"
    rf"{_DETERMINER}",
    re.IGNORECASE,
)
_AS_SEEN = re.compile(
    r"\A(?:as (?:(?:you|we|one|i) (?:can )?(?:clearly )?see|can be (?:clearly )?(?:seen|observed)|(?:seen|shown"
    r"|depicted|observed|pictured|described|noted|mentioned)(?: here| above| below| earlier| before)?)"
    r"(?: (?:in|from|by|at) [^,.;:]{1,50})?|evidently|notably|interestingly(?: enough)?|remarkably"
    r"|curiously|importantly),\s+(?=\w)",
    re.IGNORECASE,
)
_PROVIDED = re.compile(
    r",?\s*\b(?:(?:in|across|throughout|within|from) (?:the|these|all(?: the)?|both|any of the) "
    r"(?:provided |given |sampled )?(?:video |image )?frames)\b(?! of)|,?\s*\b(?:(?:as|and) (?:seen|shown"
    r"|described|depicted|mentioned|stated) (?:in|by)|based on|according to) (?:the|these) (?:provided"
    r"|given|supplied|above|previous) (?:captions?|frames?|images?|notes?|descriptions?|video frames?)\b",
    re.IGNORECASE,
)


def framing(text: str, context: Context) -> str:
    """ "In this video,", "The frames show", "Based on the provided captions,": what is seen is what the video shows."""
    found = _STILL.match(masked(text)) or _IN_STILL.match(masked(text))
    if found and len(text[found.end() :].split()) >= 2 and not (talk.refuses(text) or _PHOTO.search(text, found.end())):
        text = text[found.end() : found.end() + 1].upper() + text[found.end() + 1 :]
    return each(text, context, _unframed)


def _unframed(sentence: str) -> str:
    if talk.refuses(sentence):
        return sentence
    before, stripped = None, sentence
    while before != stripped:
        before = stripped
        for pattern in (_NUMBERED, _WHERE, _THROUGH, _AS_SEEN, _THAT, _MEDIUM, _NUMBERED_SHOWS, _SEEN):
            found = pattern.match(masked(stripped))
            if found and len(stripped[found.end() :].split()) >= 2:
                stripped = stripped[found.end() :]
    if (whom := _PRONOUN.match(masked(stripped))) is not None:
        stripped = _BECOMES[whom["who"].lower()] + stripped[whom.end() :]
    stripped = removed(_PROVIDED, stripped)
    if (placed := _OF_FRAME.search(masked(stripped))) is not None:
        stripped = stripped[: placed.end("place")] + stripped[placed.end() :]
    if stripped == sentence:
        return sentence
    return stripped[:1].upper() + stripped[1:] if sentence[:1].isupper() else stripped
