"""Words around a mention that tell whether it is the named one (for `rewriting`): English, some articles."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OTHER = _words("""
    another other others one first second third fourth fifth last next each every different new some any no
    neither either both which what two three many several few more most all such various multiple else former
    latter unknown
""")
"""After these words a mention is another one, or nobody in particular."""

OTHER_ELSEWHERE = _words("""
    ander andere anderer anderes anderen erste erster ersten zweite zweiter zweiten jeder jede autre autres premier
    première deuxième second seconde chaque otro otra primer primera segundo segunda cada altro altra primo prima
    secondo seconda ogni outro outra primeiro primeira nog andra annan första varje anden
""")
"""The same in other languages of the Latin script."""

TOGETHER = _words("""
    walk talk sit stand play dance run smile wave look jump go eat drink sing laugh fight argue kiss hug meet enter
    leave work watch wait hold move turn ride drive swim climb
""")
"""Verbs of two subjects that are joined by "and"."""

FUNCTION = _words("""
    a an the this that and or but nor as than like if while when then so because until before after who whom
    which whose where there here also just at by for from in into near of off on onto over under to toward with
    towards up down out through behind beside between among against across along around about above below
    without within inside outside next past during via is are was were be been being am has have had does do did
    can could will would shall should may might must not now again still too already only he she it they him her
    them his its their himself herself itself themselves ran went sat stood held came took got put wore saw said
    made threw fell sang began rode drove spoke left kept let gave found lay hit cut swam ate der die das den
    dem ein eine einen einer le la les un une el los las una il lo gli os um uma een het de y e et und och og i
""")
"""Words that do not form a compound with a mention: function words, past forms without an ending, articles."""

PLURAL = _words("""
    keys doors lights toys seats wheels tires windows parts fans shoes clothes bowls games shops stores houses
    clubs teams owners lovers trainers tricks lanes tails treats drivers players riders scouts friends
    children members things sounds prints bags boxes hats beds sports series business
""")
"""Plural nouns after a noun, as in "the car keys"; other words in -s are taken for verbs."""

COLOURS = _words("""
    red blue green yellow black white grey gray brown orange purple pink beige golden silver navy turquoise
    maroon violet blond blonde striped checkered plaid
""")
"""Colours of clothes and hair."""

WORN = _words("""
    shirt tshirt t-shirt jacket coat dress hat cap helmet suit sweater hoodie skirt trousers pants jeans shorts
    shoes boots vest scarf tie glasses sunglasses beard moustache mustache hair ponytail uniform apron robe
    gloves mask top blouse gown tattoo tattoos cape tights kimono jersey overalls tank swimsuit bikini turban
    wig
""")
"""Clothes and hair."""
