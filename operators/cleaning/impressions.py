"""Judgements that no frame shows: what a scene conveys or is reminiscent of, what a viewer may feel or wonder.

A judgement is a sentence about the scene as a whole with a verb of impression and a word for something that has no
looks; one word alone makes none. What people in the video do is left alone.
"""

from __future__ import annotations

import re

from operators.cleaning.context import Context
from operators.cleaning.quotes import masked
from operators.language.sentences import split_sentences

REACH = 3
"""Sentences at the end of an answer in which a judgement or a summary may stand."""

_ABSTRACT = (
    r"(?:solitude|loneliness|isolation|anticipation|suspense|tension|myster(?:y|ies)|intrigue|determination|resilience"
    r"|perseverance|serenity|tranquil\w*|peaceful\w*|calm(?:ness)?|nostalgi\w*|melanchol\w*|longing|wistful\w*"
    r"|co[sz]iness"
    r"|camaraderie|companionship|togetherness|intimacy|connection|community|unity|harmony|joy\w*|hope\w*|wonder|awe"
    r"|excitement"
    r"|enthusiasm|dynamism|vibran\w*|urgency|drama(?:tic)?|beauty|elegance|simplicity|authenticity|realism|significance"
    r"|importance|essence|spirit|moods?|vibes?|atmosphere|ambian?ce|narrative|journey|experience|emotion\w*|passion"
    r"|dedication|commitment|professionalism|traditions?|heritage|innocence|freedom|adventure|playful\w*|whims\w*|charm"
    r"|relaxation|contemplati\w*|introspecti\w*|stillness|quietude|(?:every ?day|daily|urban|modern|human) (?:life"
    r"|experience|moments?)|humanity|relationships?|bond|impermanence|fleeting|passage of time|complexity|richness"
    r"|uncertainty|curiosity|comfort|grandeur|majesty|struggle|conflict|triumph|gratitude|love|kindness|despair|sorrow"
    r"|foreboding|unease|eeriness|dread|magic|fantasy|reality|imagination|creativity|purpose|meaning|moments that"
    r"|depth and|an? (?:[\w-]+,? ){1,2}(?:quality|impression|grace|elegance|rhythm|energy|feel|presence|weight"
    r"|undertone|resolve|dignity"
    r"|poetry|poignancy)|storytelling|patience|resolve|inner \w+|(?:sense|feeling|air|aura|touch|hint|note"
    r"|feel) of \w+)"
)
_SCENE = (
    r"(?:scene|video|clip|moment|image|frame|setting|atmosphere|mood|tone|vibe|ambian?ce|feel|lighting|light|palette"
    r"|colou?rs|composition|sequence|footage|shot|camerawork|contrast|interplay|juxtaposition|combination|environment"
    r"|visuals?|imagery|aesthetic|narrative|thing|encounter|exchange|interaction|stillness|silence|pace|pacing|details?"
    r"|elements?|shadows?|scenery)"
)
_CONNECTIVE = (
    r"(?:(?:and|but|so|yet|thus|then|here|overall|together|altogether|in all|throughout|still|visually|ultimately"
    r"|finally|in the end|as such|in this way),?\s+)*"
)
_SUBJECT = re.compile(
    rf"\A\W*{_CONNECTIVE}(?:it(?:'s)?|this|that|all of (?:this|it)|everything|what (?:emerges|unfolds|remains"
    rf"|follows)(?: is)?"
    rf"|(?:the|this|these|its|such|each|every)\s+(?:(?!(?:in|into|at|on|to|from"
    rf"|by)\b)[\w'-]+,?\s+){{0,7}}?{_SCENE}s?)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:evok|convey|exud|underscor|emphasi[sz]|highlight|symboli[sz]|embod|epitomi[sz]|encapsulat|captur|celebrat"
    r"|reflect|suggest|hint|radiat|creat|add|lend|giv|bring|mak|paint|speak|spoke|tell|feel|felt|seem|offer|provid"
    r"|invit"
    r"|leav|set|contribut|enhanc|reinforc|heighten|amplif|imbu|infus|fill|carr|remind|transport|immers|remain|is\b"
    r"|are\b"
    r"|was\b|'s\b)\w*",
    re.IGNORECASE,
)
# one of these is enough where the subject is the scene
_STRONG = re.compile(
    r"\b(?:speaks? (?:volumes|of)\b|reminiscent of|reminds? (?:us|one|viewers|the viewer)|intimate (?:look|glimpse"
    r"|portrait|moment)|lends? itself to|paints? an? (?:\w+ )?(?:picture|portrait)|underscor\w+|palpable|cinematic"
    r"|testament|as if time|timeless|(?:a|the) (?:\w+ )?(?:story|tale|meditation|celebration|ode|tribute|study"
    r"|snapshot|slice of life|portrait|symphony|tapestry|dance) (?:of|to|on|in|about)\b|feast for|glimpse (?:into|of)"
    r"|window into|draws? (?:the )?viewers?\b|leav\w+ (?:us|one|viewers|the viewer|the audience)\b|(?:quietly|deeply"
    r"|hauntingly|almost|truly|profoundly) (?:poetic|moving|beautiful|cinematic|serene|surreal|intimate|human)"
    r"|poignant|evocative|ethereal|contemplative|dreamlike|captivating|mesmeri[sz]ing|thought-provoking|immersive"
    r"|effective|visually \w+|engaging|compelling|striking|stunning|breathtaking|unhurried)",
    re.IGNORECASE,
)
# of whatever subject
_SAID_TO_MEAN = re.compile(
    r"\b(?:evok(?:es?|ing)|convey(?:s|ing)?|exud(?:es?|ing)|underscor(?:es?|ing)|symboli[sz](?:es?|ing)|embod(?:y|ies"
    r"|ying)"
    r"|epitomi[sz]es?|encapsulates?|imbues?|infuses?|speaks? (?:volumes|of)|tells? (?:a|the"
    r"|its own) (?:\w+ )?story of|lends?)\b",
    re.IGNORECASE,
)
_ALONE = re.compile(
    # what may come, and what the reader may think of it
    r"\A\W*(?:and )?(?:only time will tell|(?:one|we|viewers|you|the viewer) (?:can|could|may|might|are left to"
    r"|is left to"
    r"|are|is) (?:only |left )?(?:wonder|imagin|guess|speculat)\w*|(?:it|what\b[^.]*) remains to be seen|who knows\b"
    r"|(?:what|who|where|why|how|when)\b[^.!?]*\b(?:will|would|could|might|may|lies|awaits?|comes next|happens next"
    r"|next)\b"
    r"[^.!?]*\?\s*\Z|(?:will|could|might|is this)\b[^.!?]*\b(?:next|ever|fate|future|finally|answer)\b[^.!?]*\?\s*\Z"
    r"|there(?: is|'s| was) (?:\w+ly )?an? (?:\w+ )?(?:sense|feeling|air|aura|hint|atmosphere|mood|vibe) (?:of|in"
    r"|around|here"
    r"|about|throughout)\b"
    r"|join us\b|stay tuned\b|tune in\b|don't (?:miss|forget)\b|sit back\b|(?:like|comment) and subscribe\b|buckle up\b"
    r"|see you (?:next|in the)\b|until next time\b|thank(?:s| you) (?:so much )?for (?:watching|reading|listening)\b"
    # the end of a section as such
    r"|with (?:that|this),? (?:the|this|our) (?:\w+ )?(?:section|segment|video|scene|chapter|part|clip|story|journey"
    r"|sequence|episode)\b"
    r"|(?:and )?(?:so|thus),? (?:the|our|their|his|her) (?:\w+ )?(?:journey|story|adventure|cycle|tale|dance|day|saga)"
    r" (?:continues?|goes on|begins|ends|unfolds|comes)\b"
    r"|(?:and )?(?:the|their|his|her|our) (?:journey|story|adventure|tale|saga) (?:continues|goes on|has only|is far)\b"
    r"|(?:and |yet |still,? )?an? (?:\w+ )?(?:sense|feeling|air|hint|aura) of \w+|it(?:'s| is) (?:all |really "
    r"|ultimately )about\b"
    r"|[^.!?]*\b(?:we|one|you|viewers) (?:may|might|can|will|could) (?:never|only) (?:know|guess|imagine|wonder"
    r"|find out)\b"
    r"|(?:prepare|get ready|brace yourself|brace yourselves) (?:to|for)\b"
    r"|(?:truly |simply |indeed,? |quite |such |what )?an? (?:[\w-]+,? ){0,3}(?:masterclass|testament|reminder"
    r"|meditation|study in|glimpse"
    r"|celebration|snapshot|symphony|feast|ode to|tribute to|slice of life|moment of (?!\d))\b"
    # the mood as a subject of its own
    r"|(?:the )?(?:atmosphere|mood|tone|vibe|ambian?ce) (?:here |throughout |in the \w+ )?(?:is|feels?|seems?|remains?"
    r"|becomes?|stays?|shifts?)\b)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r",\s+(?:thus |thereby |further |all |subtly |effectively |and |perhaps |as if )?(?:creat|add|evok|convey|giv|lend"
    r"|suggest|emphasi[sz]|highlight|underscor|captur|showcas|reflect|hint|contribut|enhanc|mak|invit|sett|embody"
    r"|symboli[sz]|radiat|exud|project|express|indicat|imply|bring|leav|reinforc|accentuat|heighten|amplify|imbu|infus"
    r"|fill|paint|encapsulat|celebrat|reveal|offer|provid|evidenc|demonstrat"
    r"|mirror)ing\b(?P<said>[^.;:!?]*)(?=[.!?]?\Z)",
    re.IGNORECASE,
)
_APPOSITION = re.compile(
    r",\s+(?:as if )?(?:an?|the) (?:[\w-]+ ){0,2}(?:gesture|testament|reminder|sign|symbol|moment|display|expression"
    r"|portrait|study|act"
    r"|image|picture|blend|mix) (?:of|to|full of|that)\b(?P<said>[^.;:!?]*)(?=[.!?]?\Z)",
    re.IGNORECASE,
)
_NO_LOOKS = re.compile(rf"\b{_ABSTRACT}\b", re.IGNORECASE)
_LEAST_WORDS = 4  # of what is left of a sentence


def impressions(text: str, context: Context) -> str:
    """What the scene is said to convey: tails of sentences, and whole ones among the last; never the first sentence."""
    sentences = split_sentences(text, context.language)
    kept = []
    for k, sentence in enumerate(sentences):
        if k and k >= len(sentences) - REACH and _judges(masked(sentence).replace("’", "'")):
            continue
        kept.append(_without_tail(sentence))
    return text if kept == sentences else " ".join(kept)


def _judges(sentence: str) -> bool:
    if _ALONE.search(sentence) or (_SAID_TO_MEAN.search(sentence) and _NO_LOOKS.search(sentence)):
        return True
    subject = _SUBJECT.search(sentence)
    if subject is None:
        return False
    rest = sentence[subject.end() :]
    return _STRONG.search(rest) is not None or (_VERB.search(rest) is not None and _NO_LOOKS.search(rest) is not None)


def _without_tail(sentence: str) -> str:
    hidden = masked(sentence)
    found = _TAIL.search(hidden) or _APPOSITION.search(hidden)
    if found is None or not _NO_LOOKS.search(found["said"]):
        return sentence
    head = sentence[: found.start()]
    return head + (sentence[found.end() :] or ".") if len(head.split()) >= _LEAST_WORDS else sentence
