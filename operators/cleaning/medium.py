"""Sentences about the video as a thing: its quality, its genre, its audience, what it lacks.

Wordings of such sentences are without number, their subjects are few. A sentence whose subject is the video, its
viewers or its sound is removed unless its verb is one of those that report an event of the video itself (it ends, it
cuts to black, it is shown in slow motion) or that `framing` reads (it shows). What plays on a screen in the video has
other words between noun and verb ("the video on his phone"), and stays.
"""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import masked, uncited
from operators.language.sentences import split_sentences

_START = (
    r"\A\W*(?:(?:and|but|also|so|however|additionally|furthermore|moreover|overall|finally|thus|in addition),?\s+)*"
)
_OF = r"(?: (?:of|in) (?:the|this) (?:video|clip|footage|film|recording))?"
_VIDEO = (
    r"(?:the|this)(?: (?:entire|whole|short|brief|given|provided))? (?:video(?: clip| segment| footage)?|clip"
    r"|footage"
    rf"|excerpt|snippet){_OF}"
)
_INPUT = r"(?:video|clip|footage|frames?|images?|segment|recording|excerpt|stills?|captions?)"
_EVENT = (
    # begins, ends and goes on
    r"(?:begin|began|start|open|commence|end|conclud|clos|finish|stop|continu|go(?:es)?\b|went|proceed|progress"
    r"|resum"
    r"|return|repeat|replay|loop|com(?:es?|ing)\b|came\b"
    # edits
    r"|cuts?\b|cutting|fad(?:e|ing)|transition|switch|shift|mov(?:e|ing)|jump|flash|alternat|turn|chang|pan|zoom"
    r"|tilt"
    r"|dissolv|freez|froze|paus|speed|sped|slow|skip|blur|split|rewind|pick|leads?\b|leading|leaves?\b|plays?\b"
    r"|playing"
    r"|runs?\b|lasts?\b|starr|fail|wins?\b|won\b"
    # what it shows
    r"|show|depict|captur|describ|cover|display|featur|present|portray|illustrat|showcas|reveal|contain|includ"
    r"|focus"
    r"|follow|introduc|center|centre|revolv|deal|document|record|tell|teach|explain|demonstrat|giv|instruct|guid"
    r"|walk"
    r"|talk|discuss|tak(?:e|ing)|consist|see|advertis|promot|says?\b|reads?\b|list|mention|highlight"
    r"|has been (?:edited|sped|slowed|reversed)|has\b|had\b"
    r"|(?:is|are|was|were|being)\b)"
)
_DOES = (
    rf"{_START}(?!the clip (?!of|in)){_VIDEO} (?:(?:also|then|now|simply|just|suddenly|briefly|slowly|quickly"
    rf"|abruptly|finally|again)"
    rf" )*+(?!(?:will |would )?{_EVENT})(?!(?:on|in|at|from|of|by|with|above|behind|beside|under|over|game|camera"
    rf"|call"
    r"|store|wall|screen|player|clip|editor|feed|crew|team|referee|artist|conference|chat|link|tape|assistant)\b)\w"
)
# "is" and "has" say something of it that is no event
_IS = (
    rf"{_START}{_VIDEO} (?:is|are|was|were) (?:also |clearly |likely |probably |perhaps |mostly |very |quite |well"
    r"|professionally |possibly |about |roughly |approximately )?(?:an? (?!(?:close|black|split|animat|silent|time"
    r"|slow"
    r"|montage|still))|part of|meant|intended|aimed|designed|suitable|perfect|ideal|(?:high|low|good"
    r"|poor)(?:er)?[- ]"
    r"|of (?:high|low|good|poor)|in (?:high|low|full|hd|4k)\b|useful|helpful|informative|educational|entertaining"
    r"|engaging|interesting|captivating|beautiful|well[- ]|about\b|relevant|appropriate|safe\b|clear\b|unclear"
    r"|sharp"
    r"|grainy|provided|given|shared|[\w-]+ (?:seconds?|minutes?)(?: long| in length)?\b)"
    rf"|{_START}(?:{_VIDEO}|the recording) (?:is|was) (?:likely|probably|possibly|apparently|seemingly|presumably)"
    r" (?:made|shot|filmed|recorded|taken|captured|edited|created)\b"
    rf"|{_START}{_VIDEO} (?:has|had|maintains|keeps) an? (?:[\w-]+,? ){{0,4}}(?:tone|feel|mood|style|quality|vibe"
    r"|atmosphere|look|pace|rhythm|structure|message|purpose|duration|length|resolution)\b"
    rf"|{_START}the (?:overall )?(?:tone|style|genre|pace|pacing|theme|message|purpose|intent|aim|duration|length"
    rf"|title"
    rf"|subject matter)(?: of (?:the|this) {_INPUT})? (?:is|are|seems?|appears?|remains?)\b"
    rf"|{_START}{_VIDEO} (?:continues|goes on|proceeds) (?:in (?:the same|a similar|this)|like this|this way"
    r"|similarly)\b"
    rf"|{_START}the (?:rest|remainder) of (?:the|this) {_INPUT} (?:is|are|continues|follows|repeats|remains)\b"
)
_SEEMS = (
    rf"{_START}{_VIDEO} (?:appears?|seems?|looks?) (?:to be|to have been|like|as (?:if|though))\b"
    r"(?!.*\b(?:fad|cut|zoom|pan|slow|fast|sped)\w*)"
)
_LACKS = (
    rf"{_START}(?:{_VIDEO} (?:do|does|did|has|have|had)(?:es)? ?(?:not|n't|no)\b"
    rf"|(?:{_VIDEO}|the {_INPUT}) (?:lacks?|(?:contain|show|feature|include|provide|has|have)s? no"
    rf"|is without (?:audio|sound|dialogue|text|speech|music|context))\b"
    rf"|there(?: is| are|'s)(?: also)? (?:no|not any)\b[^.]*\b(?:(?:in|throughout|within|during|from|for) (?:the"
    rf"|this"
    rf"|these) (?:\w+ )?{_INPUT}|available|provided|given)\W*\Z"
    r"|there(?: is| are|'s) no (?:\w+ )?(?:indication|mention|evidence|information|hint|clue|context|explanation)\b"
    r"|(?:there (?:is|are) )?no (?:(?:visible|on-?screen|readable|legible|other|additional|spoken|audible"
    r"|discernible"
    r"|background|overlaid|clear) )*(?:texts?|logos?|writing|watermarks?|subtitles?|captions?|audio|sounds?"
    r"|dialogues?"
    r"|speech|narration|voice-?over|credits)(?:,? (?:and|or|nor|,) [\w -]{1,30}){0,2}(?: (?:is|are|was|were|can be"
    r"|could be) (?:\w+ )?(?:visible|present|seen|shown|heard|audible|available|displayed|detected|included"
    r"|legible))?"
    rf"(?: (?:in|on|throughout|within|during) (?:the|this|these|any) (?:\w+ )?(?:{_INPUT}|screen|scene))?\W*\Z"
    r"|no (?:[\w-]+ ){1,4}?(?:is|are|was|were|can be|could be)(?: \w+)? (?:mentioned|described|specified|given"
    r"|shown"
    r"|visible|seen|present|heard|identified|noted)(?: (?:in|throughout|within|during|from) (?:the|this|these)"
    rf" (?:\w+ )?{_INPUT})\b"
    r"|(?:without|lacking|absent|given the lack of|in the absence of) (?:any |the )?(?:further |more |additional "
    r"|other"
    r"|proper |enough |sufficient |clear )*(?:context|information|details?|audio|sound|dialogue"
    r"|explanation)\b[^.]*\b"
    r"(?:unclear|unknown|uncertain|difficult|hard|impossible|cannot|can't|not (?:possible|clear|known))"
    r"|(?:the|his|her|their|its|any)\b[^.,;]*\b(?:cannot|can't|can not|could not"
    r"|couldn't) be (?:\w+ly )?(?:determin"
    r"|identif|discern|confirm|verif|infer|ascertain|establish)\w*"
    r"|(?:the|his|her|their|its|what|who|where|why|whether|how)\b[^,;.]{1,60} (?:is|are|remains?) (?:left )?(?:not"
    r" (?:entirely |completely |fully )?(?:clear|specified|known|given|provided|mentioned|stated|described)"
    r"|un(?:known"
    r"|clear|specified|certain|mentioned|stated))\W*\Z"
    rf"|(?:not much|nothing|little|no one|nobody|not a lot) else (?:of note )?(?:happens|occurs|changes|is (?:shown"
    r"|visible|seen|happening))\b[^.]{0,40}\.?\W*\Z"
    r"|(?:if|more|additional|further)\b[^.]*\b(?:more |additional |further )?(?:frames|context|information|images"
    r"|captions|footage) (?:were|was|would|is|are|could)\b[^.]*\b(?:would|could|needed|necessary|required|available"
    r"|provided)\b)"
)
_VIEWERS = (
    rf"{_START}(?:(?:the |any |most |many |some )?viewers?|anyone (?:who|interested|watching)|those (?:who (?:are"
    rf"|want)"
    r"|interested|looking)|(?:the |a )?(?:person|people) watching)\b(?!\s+(?:in|on|at|from|behind|of)\b(?!ter))"
    r"(?! (?:is|are) left (?!with|to|wondering)\w+)"
    r"[^.]*\b(?:can|could|may|might|will|would|should|is|are|gets?|sees?|learns?|enjoys?|feels?|appreciates?)\b"
)
_QUALITY = (
    rf"{_START}(?:the|this)(?: (?:overall|general))? (?:(?:image|video|picture|audio|sound|footage|production"
    rf"|visual"
    r"|film|frame)(?:'s)? (?:quality|resolution|clarity|definition)|quality of the (?:image|video|picture|footage"
    r"|clip)"
    r"|resolution|cinematography|editing|camerawork) (?:is|are|was|seems?|appears?|remains?|makes?|allows?"
    r"|suggests?)\b"
    rf"|{_START}(?:the|all|main|primary)?\s?(?:(?:main|primary|central) )?(?:focus|attention|emphasis)(?: of the"
    r" (?:video|clip|scene|footage|frame))? (?:remains?|stays?|is (?:primarily |mainly |clearly )?on)\b"
)
_SUGGESTS = (
    rf"{_START}(?:this|that|these|those|all of this|which)(?: (?:[\w-]+ ){{0,3}}(?:sequence|series|chain|set"
    rf"|events?"
    r"|actions?|details?|clues?|elements?|objects?|behaviou?rs?|context|setting|scene|activity|activities)(?: of"
    r" \w+)?)? (?:all |strongly |clearly |also |may |might |could )?(?:suggests?|indicates?|implies|imply|hints?"
    r"|points? to|tells us)\b"
    rf"|{_START}the (?:presence|absence|use|choice|combination|inclusion|juxtaposition|appearance"
    rf"|placement) of\b[^.]*"
    r" (?:suggests?|implies|imply|indicates?|adds?|helps?|creates?|conveys?|gives?|enhances?|contributes?"
    r"|highlights?"
    r"|hints?|emphasi[sz]es?|evokes?|points? to)\b"
    rf"|{_START}(?:(?:perhaps|maybe|presumably|possibly),? (?:he|she|they|it|this"
    rf"|that|there|(?:the|these|a|an|his|her|their) [\w-]+) "
    r"(?:is|are|was|were"
    r"|has|have|had|will|would|wants?)|(?:one|we|you|viewers) (?:can|could|may|might|must) (?:only )?"
    r"(?:assume|infer|conclude|guess|deduce|presume|speculate)|it (?:can|could|may|might) be (?:assumed|inferred"
    r"|concluded|guessed|deduced|presumed|speculated|argued)|(?:the|this) (?:scene|video|clip|footage) (?:is|was"
    r"|might"
    r" be|may be|could be) (?:likely|probably|possibly|presumably|perhaps))\b"
)
_TEXT = (
    rf"{_START}(?:the|this|my) (?:caption|description|summary|paragraph|answer|response|text) (?:(?:is|are|was)"
    r" (?!written|shown|displayed|read|on\b|in\b|at\b|visible|correct|wrong)|has been (?:kept|written|shortened"
    r"|revised"
    r"|edited|made)|contains|should|must|stays|remains|focuses|follows|adheres|avoids|covers|describes|aims)\b"
    rf"|{_START}(?:these|the|those|all)(?: \w+)? (?:details|events|descriptions|facts|statements|observations"
    rf"|claims)"
    rf"(?: above)? (?:were|are|have been) (?:\w+ ){{0,2}}(?:taken|derived|drawn|based|inferred|described|observed"
    rf"|found) (?:\w+ )?(?:from|in|on|by) (?:the|these|all) (?:\w+ )?{_INPUT}\b"
    rf"|{_START}(?:the|these|all|both|some|most|other)(?: of the)?(?: \w+)? frames (?:provide|offer|give|cover|span"
    r"|suggest|indicate|imply|confirm|depict|show|share|lack|do not|don't|are (?:in (?:\w+ )?(?:order|sequence)"
    r"|consistent|blurry|unclear|the same|nearly|almost|very|quite|taken|numbered|ordered|spaced))\b"
    rf"|{_START}(?:this|that|here|the above)(?: is|'s)? (?:marks )?the (?:end|beginning|start|close|conclusion) of"
    rf" (?:the|this) (?:{_INPUT}|description|section|sequence|text)\b"
    rf"|{_START}(?:max(?:imum)?(?: \w+)?|token|word|length|context|output) (?:tokens|words|limit|length|window)"
    r" (?:was |is |has been )?(?:reached|exceeded|hit)\b"
)
_PRAISE = (
    r"\A\W*(?:it|this|that|here)(?: truly| really)?(?:'s| is| was)(?: truly| really| such| quite| simply"
    r"| just)? an?"
    r" (?:[\w-]+,? ){1,3}(?:moment|scene|sight|clip|video|image|glimpse|spectacle|display|experience|picture|watch)"
    r"(?: of [\w ]{1,30}| to (?:behold|watch|see|remember))?\W*\Z"
    r"|\A\W*(?:what an? (?:[\w-]+,? ){0,3}(?:moment|scene|sight|spectacle|display)|such (?:[\w-]+,? ){0,2}\w+|how"
    r" (?:lovely|cute|sweet|charming|adorable))!+\W*\Z"
)
# a reader is spoken to; people in the video are quoted
_READER = (
    rf"{_START}I(?:'m|'ve|'ll|'d)?\b[^.?!]*\b(?:accurate|accurately|concise|objective|objectively|faithful|neutral"
    r"|shorter|longer|if you (?:like|want|wish|need|prefer)|for you|descri\w+|caption\w*|summar\w+|frames)\b"
    r"|\A\W*(?:want|need|would you like|do you want|shall|should) (?:me|I)\b"
    r"|\A\W*(?:does|do|is|are|would|will|could|can) (?:this|that|it|these) (?:work|help|suit|okay|ok|fine|good|meet"
    r"|match|be (?:suitable|okay|ok|fine|enough|helpful|acceptable)|what you|correct|sufficient|acceptable)\b"
    r"[^?]*\?\W*\Z|\A\W*(?:any|how about|what about)(?: \w+){0,2} (?:changes|feedback|thoughts|suggestions)\?\W*\Z"
    r"|\A\W*(?:(?:best|kind|warm|with best|with kind) (?:regards|wishes)|sincerely|yours truly|cheers|regards"
    r"|good luck"
    r"|have a (?:nice|great|good|wonderful) (?:day|one|time)|enjoy|take care|bye|goodbye)\b[^.!]{0,20}[.!,]*\W*\Z"
)
_RULES = tuple(
    re.compile(rule, re.IGNORECASE)
    for rule in (_DOES, _IS, _SEEMS, _LACKS, _VIEWERS, _QUALITY, _SUGGESTS, _TEXT, _PRAISE, _READER)
)


def medium(text: str, context: Context) -> str:
    """Sentences about the video as a thing; a first sentence stays unless others follow it."""
    sentences = split_sentences(text, context.language)
    kept = [s for s in sentences if not about_the_medium(s)]
    return text if len(kept) == len(sentences) or not kept else " ".join(kept)


def about_the_medium(sentence: str) -> bool:
    """Whether the subject of a sentence is the video itself, its viewers or its text, and it reports no event."""
    plain = masked(uncited(sentence)).replace("’", "'")
    return any(rule.search(plain) for rule in _RULES)
