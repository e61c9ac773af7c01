"""English word lists of the conflict rule and of the lexical scorer. Other languages have function words only."""

from __future__ import annotations

FUNCTION_WORDS = frozenset(
    # English
    """a about above across after again against all along also although am an and another any are around as at away be
    became because become becomes been before begin begins behind being below beneath beside besides between both but
    by can cannot come comes could did do does doing done down during each either else etc even every few for from get
    gets getting go goes going gone had has have having he hers him his how however i if in inside instead into is it
    its itself just like made make makes making many may me might more most much must my near next not now of off on
    once one only onto or other others our out outside over own part per put puts rather same seen several shall she
    should show showing shown shows since so some someone something still such than that the their theirs them
    themselves then there these they this those through throughout thus to together too toward towards under until up
    upon us very was we well went were what when where whether which while who whom whose will with within without
    would yet you your himself herself her
    video videos clip clips scene scenes frame frames image images picture pictures section
    """.split()
    # German, French, Spanish, Italian, Portuguese, Dutch: longer than three letters, shorter words never count
    + """aber alle auch beim dann dass dem denn dieser diese dieses durch eine einem einen einer eines hinter ihre ihrem
    ihren ihrer nach nicht noch oder ohne sein seine seinem seinen seiner sich sind über unter vom vor wenn werden wird
    zum zur zwischen
    avec dans deux elle elles entre leur leurs mais pour puis sans sont sous cette vers tout tous aussi
    como con desde donde entre ella ellas ellos esta este estos estas hacia hasta para pero por sobre unos unas también
    alla alle allo anche come della delle dello dalla dalle dallo degli dagli nella nelle nello negli poi quando questa
    questo sono sulla sulle
    também depois dela dele delas deles essa esse esta este isso isto para pela pelo pelas pelos uma umas uns
    deze door haar hebben heeft naar niet over tegen voor worden wordt zijn
    """.split()
)

NUMBERS: dict[str, int] = {
    **{
        word: k
        for k, word in enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty".split()
        )
    },
    **{f"{tens}ty": 10 * k for k, tens in enumerate("thir for fif six seven eigh nine".split(), 3)},
    "single": 1, "lone": 1, "pair": 2, "both": 2, "couple": 2, "dozen": 12, "hundred": 100, "thousand": 1000,
}  # fmt: skip

ORDINALS: dict[str, int] = {
    word: k for k, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1)
}

COLOURS = frozenset(
    """red blue green yellow orange purple pink brown black white grey gray beige golden silver violet turquoise maroon
    navy teal tan cyan magenta crimson scarlet khaki cream""".split()
)
SAME_COLOUR: dict[str, str] = {
    "gray": "grey", "golden": "yellow", "violet": "purple", "crimson": "red", "scarlet": "red", "maroon": "red",
    "navy": "blue", "teal": "turquoise", "cyan": "turquoise", "tan": "beige", "khaki": "beige", "cream": "beige",
    "magenta": "pink",
}  # fmt: skip

NEGATORS = frozenset(
    """not no never nobody nothing none neither nor cannot without hardly barely nowhere unable refuses fails
    nicht kein keine keinen keiner nie niemals pas jamais aucun aucune nunca ningún ninguna jamás mai nessun nessuna
    niet geen nooit não nenhum nenhuma""".split()
)

OPPOSITES: dict[str, frozenset[str]] = {}
"""Stem of a word -> stems of what excludes it about the same thing."""

_GROUPS = """
left/right up,upward,upwards/down,downward,downwards open,opens,opened,opening/close,closes,closed,closing,shut,shuts
enter,enters,entered,entering/leave,leaves,leaving,left,exit,exits,exiting in,into/out
inside,indoors,indoor/outside,outdoors,outdoor on/off push,pushes,pushed,pushing/pull,pulls,pulled,pulling
rise,rises,rising,raise,raises,raising/fall,falls,falling,lower,lowers,lowering
start,starts,starting,begin,begins,beginning/stop,stops,stopping,finish,finishes,finishing,end,ends,ending
sit,sits,sitting,seated/stand,stands,standing forward,forwards/backward,backwards above,over/below,under,beneath
top/bottom front/back,behind day,daytime/night,nighttime
man,men,boy,boys,male,guy/woman,women,girl,girls,female,lady,ladies young/old,elderly tall/short long/short
big,large,huge/small,little,tiny fast,quickly/slow,slowly hot/cold wet/dry full/empty
win,wins,winning/lose,loses,losing catch,catches,catching/throw,throws,throwing light,bright/dark
clockwise/counterclockwise,anticlockwise toward,towards/away north/south east/west first/last before/after
prepare,prepares,preparing/complete,completes,completed,completing,finish,finishes,finished,finishing
add,adds,adding/remove,removes,removing happy/sad lift,lifts,lifting/lower,lowers,lowering,drop,drops,dropping
give,gives,giving/take,takes,taking,receive,receives zoom-in/zoom-out horizontal,horizontally/vertical,vertically
smile,smiles,smiling/frown,frowns,frowning,cry,cries,crying
climb,climbs,climbing,ascend,ascends/descend,descends,descending arrive,arrives/depart,departs buy,buys/sell,sells
wide/narrow fill,fills,filling/drain,drains,draining,empties load,loads,loading/unload,unloads,unloading near/far
approach,approaches/retreat,retreats appear,appears/disappear,disappears,vanish,vanishes turn-on/turn-off
wear,wears,wearing,puts-on/remove,takes-off alone/together
"""


def _fill() -> None:
    sides: dict[str, set[str]] = {}
    for pair in _GROUPS.split():
        one, other = (side.split(",") for side in pair.split("/"))
        for word in one:
            sides.setdefault(word, set()).update(other)
        for word in other:
            sides.setdefault(word, set()).update(one)
    OPPOSITES.update({word: frozenset(others) for word, others in sides.items()})


_fill()

SINGULAR: dict[str, str] = {
    "men": "man", "women": "woman", "people": "person", "children": "child", "feet": "foot", "teeth": "tooth",
    "mice": "mouse", "knives": "knife", "wolves": "wolf", "geese": "goose",
}  # fmt: skip

SAME_PERSON: dict[str, str] = {
    "guy": "man", "gentleman": "man", "male": "man", "lady": "woman", "female": "woman", "individual": "person",
    "kid": "child",
}  # fmt: skip
"""Singular of a word for a person -> a word that counts the same."""

PARTS: dict[str, str] = {
    word: group.split()[0]
    for group in """arm arms elbow elbows forearm, hand hands palm palms wrist wrists finger fingers fist fists,
        shoulder shoulders, leg legs thigh thighs calf calves, knee knees, foot feet toe toes ankle ankles heel heels,
        head heads, face faces cheek cheeks chin, hair, neck, back, chest, stomach belly abdomen, waist hip hips,
        body bodies torso, ear ears, eye eyes, nose, mouth lips lip""".split(",")
    for word in group.split()
}
"""Word for a part of a body -> the part; two texts that name different ones are about two movements."""

PRONOUNS = frozenset("he she it they him her them his hers its their theirs himself herself itself themselves".split())
PERSONS = frozenset(
    """man woman person boy girl guy lady child kid player athlete someone gentleman teenager adult people men women
    boys girls guys ladies children kids players individual individuals persons""".split()
)
ARTICLES = frozenset("a an the this that these those another".split())
AUXILIARIES = frozenset(
    "is are was were be been being am has have had do does did can could will would may might must should to".split()
)
PREPOSITIONS = frozenset(
    """of in on at by with from to into onto over under behind beside between through across around near for about
    against along inside outside above below during after before towards toward up down off""".split()
)
