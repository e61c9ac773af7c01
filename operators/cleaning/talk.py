"""Sentences that speak of the task, the input, the model or its reader, and not of the video.

Patterns are looked for outside quotes: what people in a video say is theirs. They describe what such sentences say, not
the words of some model.
"""

from __future__ import annotations

import re
from functools import lru_cache

from operators.cleaning.quotes import masked

_WORK = (
    r"(?:descriptions?|captions?|summar(?:y|ies)|paragraphs?|rewrites?|responses?|answers?|narration"
    r"|passage|rewritten|write-?up|opening|output|account)"
)
_INPUT = (
    r"(?:images?|frames?|pictures?|videos?|clips?|footage|captions?|descriptions?|notes?|prompts?|stills"
    r"|screenshots?|input|files?|data|context)"
)
_GIVEN = r"(?:provided|given|supplied|available|attached|uploaded|shared|above|input|original|source|preceding)"
_SEE = (
    r"(?:see|view|watch|access|process|analy[sz]e|describe|provide|assist|help|determine|identify"
    r"|recogni[sz]e|generate|open|create"
    r"|comply|fulfil|answer|interpret|discern|do that|be able|have (?:access|the ability|enough|any|sight"
    r"|visual|information)|actually|fully|directly"
    r"|accurately|continue|produce|write|offer|give|caption|confirm|verify|perceive|tell|know what)"
)

# -- the model will not or cannot answer -----------------------------------------------------------------------------

_REFUSAL = re.compile(
    "|".join(
        (
            r"\A\W*i (?:do not|don't) know(?: what\b[^.]*)?\W*\Z|\A\W*i have no idea\b",
            r"\bas an? (?:\w+ )?assistant,? i\b|\bmy (?:capabilities|abilities|training|programming|guidelines"
            r"|instructions)\b",
            r"\bas an? (?:ai|artificial intelligence|(?:large |visual |vision |multimodal |text-based )*(?:language"
            r"|ai|vision) (?:model|assistant))\b",
            r"\A\W*(?:unfortunately|however|but|well|oh|hello|hi)?\W*(?:i apologi[sz]e|my apologies|apologies"
            r"|(?:i(?:'m| am) )?(?:very |so |really |truly )?sorry\b(?!\s+looking))",
            r"\A\W*(?:unfortunately|however|but|well|while|as|since|because)?\W*i(?:'m| am)? (?:currently |still "
            r")?(?:unable|not able|not permitted|not allowed|incapable|not programmed|not comfortable)\b",
            r"\bi (?:cannot|can't|can not|could not|couldn't|do not|don't|am not able to|won't|will not|must "
            rf"decline|have to decline|lack)\s+(?:\w+ly )?{_SEE}\b",
            r"\bi (?:must|have to|need to|will have to) (?:decline|refuse)\b|\bi(?:'d| would) (?:rather|prefer) not\b",
            r"\bi(?:'m| am) (?:just|only|but)? ?an? (?:ai|large language model|language model|text-based|virtual "
            r"assistant)\b",
            r"\b(?:it is|it's) (?:not possible|impossible) to (?:see|view|determine|describe|provide|identify|say"
            rf"|tell)\b[^.]*\b(?:{_INPUT}|information)\b",
            rf"\b(?:no|without(?: any)?) (?:{_GIVEN} )?{_INPUT} (?:was|were|is|are|has been|have been|being)(?: "
            r"\w+)? (?:provided|given|attached|uploaded|supplied|included|shared|received|submitted|present in "
            r"(?:your|the) (?:message|prompt|request))\b",
            r"\b(?:images?|frames?|pictures|videos?|attachments?) (?:is|are|was|were|does|do|did|has|have) ?(?:not"
            r"|n't)(?: been| seem to be| appear to be)? ?(?:visible|available|accessible|attached|provided|included"
            r"|loaded|uploaded|received|come through|load)\b(?! (?:in|on|behind|from|until|because|due)\b)",
            r"\b(?:visible|available|accessible|shown|displayed|viewable|provided) to me\b",
            r"\b(?:there (?:is|are|seems to be|appears to be) no|i see no|i don't see any|you (?:did not|didn't"
            rf"|have not|haven't|forgot to) (?:provide|attach|upload|include|share|send)\w*)\b[^.]*\b(?:{_INPUT}"
            r"|attachments?)\b[^.]*\b(?:attached|provided|uploaded|here|to (?:describe|caption|analy[sz]e"
            r"|summari[sz]e)|in your|with your)\b",
            r"\A\W*(?:it (?:seems|appears|looks like)(?: that| as if)? )?you (?:did not|didn't|have not|haven't"
            r"|forgot to) (?:provide|attach|upload|include|share|send)",
            r"\A\W*(?:could|can|would) you (?:please )?(?:provide|upload|share|attach|send|supply|describe|clarify"
            r"|give)\b|\A\W*(?:please|kindly) (?:provide|upload|share|attach|send|supply|clarify|describe|give"
            rf"|try)\b[^.]*\b(?:{_INPUT}|again|details?|information|more|text|link)\b",
            r"\b(?:violates?|goes against|against|in violation of) (?:my|our|the|openai'?s?|content) (?:\w+ "
            r")?(?:policy|policies|guidelines|rules|programming)\b",
            r"\A\W*i can only (?:see|read|process|handle|work with|understand) (?:text|the text|words)\b",
            r"\b(?:video|image|audio|visual|file)s?(?: input| upload| content| processing)?s? (?:is"
            r"|are) not (?:currently )?(?:supported|enabled)\b",
            r"\bthe (?:\w+ )?(?:frames?|images?|videos?|pictures?|attachments?) (?:appears?|seems?) to be (?:missing"
            r"|corrupt(?:ed)?|unavailable"
            r"|inaccessible)\b",
            r"\b(?:nothing|anything|little|not much|not enough) (?:\w+ )?(?:for me )?to (?:describe|caption"
            r"|summari[sz]e|report on)\b"
            r"|\bfor me to (?:describe|see|caption|analy[sz]e|view|summari[sz]e|write|identify)\b",
            rf"\A\W*(?:unable|failed|not able) to (?:process|load|open|read|view|access|analy[sz]e|decode|generate"
            rf"|describe|caption|see) (?:the|this|your"
            rf"|any|a) (?:\w+ )?{_INPUT}\b",
            r"\A\W*(?:(?:the|this|your) (?:\w+ )?)?(?:frames?|images?|videos?|pictures?|files?"
            r"|attachments?) (?:failed to (?:load|open|upload|process)"
            r"|(?:did|could|would|can) ?(?:not|n't) (?:be )?(?:load|loaded|opened|processed|read|displayed"
            r"|retrieved))(?: properly| correctly)?(?:\W*\Z|,? (?:so|please)\b)",
            r"\A\W*(?:(?:\w+)?error|exception|traceback|fatal)\b(?: \d{3})?\s*[:(]",
            r"\bi(?: do not|don't) (?:have|possess) (?:the )?(?:ability|capability|capacity|access|eyes|vision"
            r"|real-time)\b",
            r"\A\W*(?:(?:insufficient|not enough|no) (?:information|context|data|visual (?:information|data"
            r"|content)))\b[^.]*\b(?:provided|available|given|to (?:describe|determine|generate|caption|provide"
            r"|write))\b",
            r"作为(?:一个|一名)?(?:人工智能|AI|语言模型)|\A\W*(?:很|非常)?抱歉|\A\W*对不起，我|\A\W*我(?:无法|不能)|(?:図|画像|動画|映像).{0,6}(?:見|閲覧"
            r"|確認).{0,6}できません|\A\W*(?:申し訳|すみません)|\A\W*죄송",
            r"en tant qu'(?:ia|intelligence artificielle|assistant|modèle)\b|\A\W*(?:je suis )?désolée?\b|\A\W*je "
            r"ne (?:peux|puis) pas (?:voir|décrire|aider|visionner|fournir|accéder)",
            r"\bals (?:ki|sprachmodell|künstliche intelligenz)\b|\A\W*(?:es )?tut mir leid|\A\W*(?:leider "
            r")?(?:kann ich|ich kann) (?:das|die|den|dieses?|keine?|leider|ihnen|dir)\b",
            r"\bcomo (?:modelo de (?:lenguaje|linguagem)|una? (?:ia|inteligencia|inteligência))\b|\A\W*lo siento\b"
            r"|\A\W*(?:me )?desculpe\b|\A\W*no puedo (?:ver|ayudar|describir|acceder|proporcionar)|\A\W*não "
            r"(?:posso|consigo) (?:ver|ajudar|descrever)",
            r"\A\W*(?:mi dispiace|non posso (?:vedere|aiutare|descrivere))|\A\W*(?:извините|простите|к сожалению,? "
            r"я|как (?:языковая модель|ии)\b)",
        )
    ),
    re.IGNORECASE,
)

# -- the model speaks to its reader, of its work or of its input -------------------------------------------------------

_TALK = re.compile(
    "|".join(
        (
            r"\A\W*(?:please )?(?:note|keep in mind|be aware|remember|bear in mind) that\b|\A\W*(?:side ?note"
            r"|notes?|n\.?b\.?|disclaimer|ps|p\.s\.|edit|explanation|clarification|rationale|justification|reminder"
            r"|sources?|references?|keywords?|tags?|hashtags?|confidence|reasoning|word count|language|tone|style"
            r"|format)\s*[:：]",
            r"\A\W*(?:please )?(?:let me know|feel free|don't hesitate|do not hesitate|reach out)\b|\A\W*(?:i "
            r")?hope (?:this|that|it|you|these)\b",
            r"\bif you(?:'d| would| need| want| have| require| prefer)\b[^.]*\b(?:let me|ask|feel free|happy|glad"
            r"|assist|help me|questions?|further|adjust|revis|another|i can|i'll)",
            r"\A\W*(?:would|do) you (?:like|want|need|prefer)\b|\A\W*(?:is|was) there anything\b|\A\W*(?:any|other"
            r"|further|more) questions\b|\A\W*(?:shall|should) i\b",
            r"\A\W*(?:i(?:'m| am|'d be| would be)? |always )?(?:happy|glad|pleased) to (?:help|assist|provide"
            r"|revise|adjust|continue)",
            r"\A\W*thank(?:s| you) for (?:providing|sharing|the (?:captions?|images?|frames?|video|notes)|your "
            r"(?:request|question|patience|input))",
            rf"\A\W*(?:this|my|these|the (?:above|{_GIVEN}|following|final|resulting|revised|rewritten|whole|entire"
            rf"|overall)) {_WORK}\b(?!\s*(?:reads?|says?|appears?|shows? up|is (?:shown|displayed|visible|written"
            r"|seen|on)))",
            r"\A\W*the (?:description|summary|rewrite|narration|response|above)\s+(?:above|is based|was based"
            r"|covers|captures|avoids|focuses|follows|remains|includes|does not|doesn't|has been|should|stays|only"
            r"|keeps|contains|adheres|provides|ends here)\b",
            r"\A\W*(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are)|(?:this|what follows) is"
            rf"|following is) (?:a|an|the|my|your|some|one)?(?: [\w-]+){{0,5}} {_WORK}\b",
            r"\A\W*(?:okay|ok|so|now|well|hmm+|wait|actually|alright|right|and|but|also|then|first|next|finally"
            r"|in this case|therefore|thus|since)?\W*(?:i(?:'ve| have|'ll| will|'d| would|'m| am| was| did| should"
            r"| must| need| want| think| believe| see| can| could| might| tried| used| kept| made| wrote| focused"
            r"| avoided| included| omitted| assume[d]?| guess| infer(?:red)?| based| notice[d]?| removed| added| "
            rf"combined| followed))\b[^.]*\b(?:{_WORK}|{_INPUT}|words?|sentences?|instructions?|tasks?|user"
            r"|details?|request)\b",
            r"\b(?:the|this) user(?:'s)? (?:wants|asks?|asked|is asking|provided|gave|requested|has (?:given|asked"
            r"|provided)|needs me|expects|request|query|said not|prompt)\b",
            r"\A\W*(?:okay|ok|so|now|first|well|then|next|hmm+|alright|right|also|but|and|wait"
            r"|actually)?\W*(?:let me|let's|i need to|i should|i must|i have to|i want to|we need to|we should|we "
            r"have to|we must|i'll|i will|i'm going to|need to|must|should)\s+(?:just |now |carefully |first "
            r"|also |quickly |try to |start (?:by|with) )*(?:see|look|think|check|count|describ\w*|writ\w*|try"
            r"|start|draft|re-?read|read|analy\w*|break|go (?:through|over)|figure|make sure|ensure|avoid"
            r"|summari\w*|output|produce|craft|compose|consider|combine|keep|mention|focus|revise|list|create"
            r"|generate|provide|identify|examin\w*|not (?:add|include|mention|repeat))\b",
            r"\A\W*(?:okay|ok|alright|hmm+|got it|understood|wait)\b\W+(?:so|let|the|i|now|we|this|they|looking"
            r"|first|here|no)\b",
            r"\A\W*(?:as (?:requested|instructed|asked|per (?:the|your))|per (?:the|your) (?:request|instructions?))\b",
            r"\A\W*(?:the )?(?:total )?(?:word|character|token|sentence)s?[ -]?counts?\b|\A\W*(?:approximately"
            r"|approx\.?|about|around|roughly|exactly|~|≈|total(?: of)?:?|length:?)?\s*\d+ (?:words|tokens"
            r"|characters)\W*\Z|\A\W*words:? \d+\W*\Z",
            r"\A\W*(?:end|start|beginning) of (?:the )?(?:description|caption|section|paragraph|summary|response"
            r"|answer|output|transcript|part|segment|window|video description)\b",
            r"\A\W*(?:to be )?continu(?:ed|es|ing)(?: in (?:the )?next \w+)?\W*\Z|\A\W*(?:the )?(?:description|text"
            r"|story|caption) (?:continues|ends|goes on)\b",
            rf"\b(?:the|these|all|your|this|those) (?:{_GIVEN}) (?:{_INPUT}|text|information|sentences?"
            r"|instructions?)\b",
            rf"\b(?:based on|according to|judging (?:by|from)|from) (?:the|these|this|your|my) (?:{_GIVEN} "
            r")?(?:captions|frames|notes|prompt|instructions|image descriptions|frame descriptions|sampled "
            r"frames)\b",
            r"\A\W*(?:the|these|all)(?: \w+){0,2} frames (?:are|appear|seem|were)(?: all| to be)? (?:sequential"
            r"|consecutive|identical|(?:very |nearly |almost |quite )?similar|in order|from (?:the|a)|taken"
            r"|numbered|too|not)\b",
            r"\A\W*that(?:'s| is) (?:all|everything|it)\b|\b(?:the|these) (?:video )?frames? (?:do|does) not "
            r"(?:provide|show|contain|reveal|allow|give|offer|make|include)\b",
            r"\bnone of the (?:frames|images|captions|notes)\b|\bdue to (?:the )?(?:low|limited|poor"
            r"|lack)\b[^.]*\b(?:frames?|images?|resolution|quality|captions?|information|context)\b",
            rf"\b(?:mentioned|described|noted|stated|specified|indicated|reported|listed|shown|given) (?:in"
            rf"|by) (?:the|any of the|these|this|those|all)"
            rf" (?:captions|notes|(?:{_GIVEN}|window|frame) (?:captions?|frames?|notes?|descriptions?))\b",
            r"\A\W*the (?:window |frame )?captions (?:do not|don't|never|only|also|all|mention|describe|note|state"
            r"|indicate|suggest|repeat)\b",
            r"\A\W*(?:this|that) (?:concludes|completes|ends|finishes|wraps up) (?:the|this|my|our) (?:\w+ )?"
            rf"(?:{_WORK}|section|segment|stretch|window)\b",
            r"\A\W*(?:the|this) (?:section|segment|stretch|window|paragraph|caption) (?:ends|concludes|stops"
            r"|continues|finishes) here\b",
            r"\A\W*the (?:first|second|third|next|last|final|other|remaining|previous|above"
            r"|following)(?: \w+)? paragraphs? (?:describes?|discuss(?:es)?"
            r"|covers?|focus(?:es)?|details?|explains?|is|are|tells?|contains?|provides?|gives?)\b",
            r"\A\W*(?:so |okay,? |now,? )?(?:the|my|our) (?:task|job|goal|assignment|question|prompt"
            r"|request) (?:here )?(?:is|was|asks|says|wants) (?:to|me|that|for)\b",
            r"\A\W*the (?:rest|remainder|others?|last|first) of the (?:captions|frames|notes|descriptions"
            r"|windows)\b|\A\W*this (?:window|stretch) (?:overlaps|repeats|continues"
            r"|is identical|duplicates|covers|contains)\b|\A\W*see (?:also )?(?:the )?(?:previous|next|above|below"
            r"|section|caption|window)\b",
            r"\A\W*i(?:'d| would) be (?:glad|happy|delighted|pleased) to\W*\Z|\A\W*(?:caption|description|answer"
            r"|summary)s? (?:is |are )?(?:below|follows|above)\W*\Z",
            r"\A\W*(?:copyright|©|all rights reserved)\b[^.]*\b(?:openai|anthropic|google|alibaba|meta|deepseek"
            r"|microsoft|\d{4})\b",
            r"\A\W*the next (?:section|window|segment|paragraph|stretch|caption) (?:will|would|should|continues from"
            r"|picks up|describes|covers)\b",
            r"\bas (?:mentioned|stated|described|noted|seen|shown) (?:\w+ )?in (?:the )?(?:caption|window|frame"
            r"|section|note|segment)s? \d",
            r"\A\W*(?:window|frame|caption|note|section|segment)s? \d+(?: (?:and|to) \d+)? (?:repeats?|duplicates?"
            r"|describes?|matches|contains? no|has the"
            r" same|(?:is|are) (?:the same|identical|similar))\b",
            r"\A\W*there (?:is|are) no (?:further |more |other |additional |significant |new |visible )+(?:events?"
            r"|actions?|changes?|movements?|details?)"
            r" (?:in|within|during|for) (?:this|the) (?:window|stretch|segment|section|clip)\b",
            r"\A\W*i (?:have |'ve )?(?:focused on|avoided|omitted|aimed (?:to|for)|left out|tried to (?:avoid|keep"
            r"|describe|include))\b[^.]*\b(?:actions?|events"
            r"|moods?|speculations?|interpretations?|repetitions?|atmosphere|facts|what is visible|colou?rs|style"
            r"|wording)\b",
            r"\A\W*(?:yes,? )?i (?:can|will|would|could|'ll) (?:certainly |gladly |happily )?(?:do (?:that|this|it"
            r"|so)|help(?: you)?(?: with (?:that|this|it))?)\W*\Z",
            r"\A\W*(?:(?:all|any|subjective|emotional|unnecessary) )?(?:words?|phrases?|adjectives|interpretations?"
            r"|speculation|repetitions?)\b[^.]* (?:has|have|was|were)(?: been)? (?:intentionally |deliberately )?"
            r"(?:avoided|omitted|excluded)\b",
            r"\A\W*p\.?s\.?(?=\s)|\A\W*happy (?:captioning|writing|coding|describing|watching|reading)\b"
            r"|\A\W*(?:all )?done\W*\Z"
            r"|\A\W*(?:the )?(?:task|caption|description|request) (?:is )?(?:completed?|done|finished|fulfilled)\W*\Z",
            r"\A\W*(?:(?:your |the )?(?:task|instructions?|prompt|objective|assignment|question|rating|score"
            r"|time taken|length|source|model|temperature))\s*[:：]",
            r"\A\W*(?:generated|created|captioned|described|produced|auto-generated) (?:by|with|using)\b"
            r"(?! (?:the|an?|his|her|their) (?!\w*\s?(?:ai|model|assistant|system|captioner|tool)\b))",
            # first person of one at work, and what it works on
            r"\A\W*(?:let's|let us|let me)\b",
            r"\b(?:we|i) (?:are|were|am|was|have been) (?:asked|told|instructed|supposed|required|expected) to\b"
            r"|\A\W*(?:we|i) (?:shall|must"
            r"|should|ought to)\b",
            r"\A\W*(?:repeated|duplicated?|redundant|overlapping|repetitive|irrelevant"
            r"|speculative) (?:\w+ ){1,3}(?:was|were|has been|have"
            r" been) (?:\w+ )?(?:merged|removed|omitted|dropped|skipped|left|combined|excluded|avoided)\b",
            r"\A\W*(?:(?:overall|image|video|frame|shot|camera) )?(?:quality|confidence|mood|tone|style|genre"
            r"|lighting|camera|shot(?: type)?"
            r"|length|duration|resolution|frame rate|certainty|rating)(?: of the \w+)?\s*:\s*[\w ,/.%-]{1,40}\Z",
            r"\A\W*(?!.*\b(?:until|before)\b)it (?:is|remains)"
            r" (?:unclear|unknown|not (?:clear|known|certain|possible to (?:say|tell))"
            r"|uncertain|(?:hard|impossible"
            r"|difficult) to (?:say|tell|know)) (?:if|whether|what|who|why|how|where|from)\b",
            r"\A\W*(?:so |now |okay,? |here,? )?(?:we|i) (?:have|got|(?:am|are|was|were) given|have been given"
            r"|received) "
            r"(?:[\w-]+ ){0,4}(?:captions|frames|images|notes|stills|windows|screenshots)\b",
            r"\A\W*(?:(?:the )?(?:first|second|third|fourth|next|last|other)(?: one)?|(?:caption|frame|window|image"
            r"|note)s? #?\d+)"
            r" (?:mentions?|states?|describes?|notes?|(?:says?|tells?) (?:that )?(?:he|she|it|they|a|an|the|there)\b)",
            r"\bi (?:\w+ ){1,6}?(?:(?:caption|frame|window|section|note|segment)s? (?:#|no\.? ?)?\d|(?:the|these|all"
            r"|both|some|several"
            r"|overlapping|duplicate|similar|a few) (?:\w+ )?(?:captions|frames)\b)",
            r"\A\W*below(?:,)? (?:you(?:'ll| will| can)?|is|are|i)\b[^.]*\b(?:find|see|captions?|descriptions?"
            r"|section|summary"
            r"|text|answer)\b",
            r"\A\W*(?:it|this) (?:should|must|is (?:important|worth|necessary)|bears)(?: to)?(?: be)? (?:not(?:ed|e"
            r"|ing)"
            r"|mention(?:ed|ing)?|remember(?:ed)?|keep in mind|repeating)\b",
            r"\b(?:i|we) (?:only|just) (?:have|had|see|got|received|know|get)\b|\A\W*(?:since|because|as|while"
            r"|although) (?:i|we)"
            r" (?:only |just |do not |don't |can't |cannot )?(?:have|see|know|am|was|were)\b",
            r"\b(?:my|our) (?:descriptions?|captions?|summary|answers?|responses?|narration|analysis|output)\b",
            r"\A\W*(?:(?:captions|windows|frames|sections|notes|images) \d+(?:\s*(?:,|and|to|[-–&])\s*\d+)+"
            r"|captions? \d+)\s+(?!of\b)\w+",
            r"\A\W*(?:word|length|token|sentence|formatting|style|language) (?:limits?|constraints?|requirements?"
            r"|restrictions?"
            r"|guidelines?)\b",
            r"\A(?!.*\b(?:asks?|asking|says?|shouts?|wonders?|calls?|whispers?|repl(?:y|ies))\b).*\b(?:you|your)\b[^.!?]*\?"
            r"\s*\Z",
            # what the input does not show
            rf"\b(?:cannot|can't|can not|could not|couldn't|impossible to|hard to|difficult to"
            rf"|unable to) (?:be )?(?:fully |clearly "
            rf"|accurately |definitively |reliably )?(?:determin|identif|discern|confirm|verif|infer|ascertain"
            rf"|establish|tell|know|seen?\b"
            rf"|made out|make out|say)\w*\b[^.]*\b(?:from|based on|in|by|with) (?:the|this|these|that|only) (?:\w+ )?"
            rf"(?:{_INPUT}|visuals?|angle|perspective|view|resolution|information)(?: alone| itself)?\b",
            r"\A\W*(?:(?:(?:the|his|her|their|its|no|any) )?(?:other|further|more|additional|exact|specific|finer"
            r"|precise)"
            r" (?:details?|information|context|reasons?|nature|meaning|relationship|emotions?|dialogue|words|location"
            r"|purpose)"
            r"|(?:(?:the|his|her|their|any|no) )?(?:specifics|identit(?:y|ies)|intentions?|motives?|context"
            r"|details? beyond))\b[^.]{0,60}?\b(?:(?:is|are|was|were|remains?) (?:\w+ )?(?:not |un)\s?(?:\w+ )?"
            r"(?:discernible|clear|known|specified|visible|apparent|evident|shown|determinable|disclosed|revealed"
            r"|identifiable"
            r"|provided|legible|audible)|(?:cannot|can not|can't|could not) be (?:\w+ )?(?:determined|discerned|seen"
            r"|made out"
            r"|identified|confirmed|verified|inferred|heard))\b",
            r"\b(?:no|without) (?:audio|sound|speech|dialogue|narration|subtitles?|voice-?over|transcripts?"
            r"|metadata) (?:is|was|are"
            r"|were|has been|being) (?:available|provided|included|given|supplied|detected)\b",
            r"\A\W*(?:the|this) (?:\w+ )?(?:video|clip|footage|segment|stretch|recording|scene) (?:then |just "
            r"|simply |abruptly )?"
            r"(?:ends|stops|concludes|cuts off|finishes|cuts out) (?:there|here|at (?:this|that) (?:point|moment)"
            r"|on (?:this|that)"
            r" note|with (?:this|that))\W*\Z",
            r"\bno (?:further|additional|other|more) (?:information|details?|context|description)s? (?:is|are|was"
            r"|were|can be)(?: \w+)? (?:visible|shown|seen|discernible|apparent|provided|available|given|inferred"
            r"|determined|mentioned)\b",
            r"\A\W*(?:#[^\W\d_]\w*\W*){2,}\Z",
        )
    ),
    re.IGNORECASE,
)

_PLACE = re.compile(
    r"\A\W*(?:n\.?/?a\.?|none|null|nil|not applicable|tbd|undefined|nan|unknown|empty|\[?(?:insert|placeholder"
    r"|your|add|caption|description|text|blank)[^.]{0,40}\]|<[^<>]{1,40}>|lorem ipsum\b.*|(?:caption|description"
    r"|video|image|page|file|content) not found|no (?:captions?"
    r"|video|image|frames?|input|description|content|data|information|answer|response|text|comment|details?|speech"
    r"|audio"
    r"|subtitles?|(?:significant |notable |visible |new )?(?:events?|actions?|changes?|activity))(?: (?:is |are "
    r"|was |were |could be |can be )?"
    r"(?:available|provided|given|found|possible|generated|detected|seen|visible))?"
    r"|(?:video|image|content|frame|clip|media|file|captions?)s? (?:unavailable|missing|deleted|private|removed"
    r"|expired|corrupt(?:ed)?"
    r"|not loaded)"
    r"|(?:(?:the|this) )?(?:video|image|content|page|file|clip|media) (?:is|has been|was"
    r"|is no longer) (?:un)?(?:available|removed"
    r"|deleted|private|blocked|taken down|restricted)\b[^.]{0,60}"
    r"|(?:(?:video|image|frame|scene|clip) )?(?:caption|description|answer|content|summary)(?: (?:is )?(?:unavailable"
    r"|not available|pending|missing"
    r"|goes here|here))?"
    r"|(?:your|the|a|insert|add|write|enter) (?:caption|description|answer|text)(?: (?:here|goes here))?|string"
    r"|not (?:available|provided|specified"
    r"|given)|nothing (?:to (?:describe|report|add|note|see)|of note|happens|is (?:visible|shown))?|redacted"
    r"|unintelligible|inaudible"
    r"|%[sd]|(?:describe|caption) (?:the|this) (?:video|image|frames?|clip)(?: here)?|keine (?:angaben?"
    r"|beschreibung)|sans objet|无|なし|없음|нет данных"
    r"|(?:internal )?server error|bad gateway|service unavailable|(?:request )?timed? ?out|too many requests"
    r"|rate limit (?:exceeded|reached))\W*\Z",
    re.IGNORECASE,
)


# only as all of an answer: within a caption somebody may say it
_NO_ANSWER = re.compile(
    r"\A\s*[\[(<{*][^\[\](){}.!?]{0,40}[\])>}*]\s*\Z|\A\W*(?:\S*[/\\])?\S{1,80}\.(?:mp4|mkv|webm|mov|avi|jpe?g|png"
    r"|gif)\W*\Z"
    r"|\A\W*n/?a\b\s*[-–—:(,].{0,60}\Z"
    r"|\A\s*https?://\S+\s*\Z|\A\W*(?:an? |the )?(?:placeholder|sample|dummy|test)(?: (?:image|text|caption|video"
    r"|description|answer))?\W*\Z"
    r"|\A\W*(?:unanswerable|unclear|unsure|not sure|cannot (?:say|tell|determine)|can't (?:say|tell)|no idea"
    r"|skip(?:ped)?"
    r"|failed|missing|loading|processing|please wait|ok(?:ay)?|done|yes|no|true|false|sure|invalid(?: \w+)?|error"
    r"|blank)\W*\Z",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def refuses(sentence: str) -> bool:
    """Whether a sentence says that the model will not, or cannot, answer."""
    return _REFUSAL.search(_plain(sentence)) is not None


@lru_cache(maxsize=8192)
def addresses(sentence: str) -> bool:
    """Whether a sentence speaks to the reader, of the task, of the input, or holds the place of one."""
    return _TALK.search(_plain(sentence)) is not None or _PLACE.search(sentence) is not None


def holds_a_place(text: str) -> bool:
    """Whether a text only stands where another should: "N/A", "None", "[description]"."""
    return _NO_ANSWER.match(text) is not None or _PLACE.search(text) is not None or not any(c.isalnum() for c in text)


def _plain(sentence: str) -> str:
    return masked(sentence).replace("’", "'")
