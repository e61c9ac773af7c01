"""Outputs of long uneventful videos with planted facts: each is in one window, and asked for in other words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from operators.core.grid import Grid
from operators.core.keys import narrator_key
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from pipeline.config.tables import captioner, video_operators
from tests.support import rows
from tests.support.outputs import CONFIG, plan_of

RUN = "20260101-000000-0000aa"

FACTS: tuple[tuple[str, str], ...] = (
    ("A man in a green raincoat drops a violin into the canal.", "somebody loses a violin in the water"),
    ("Two children build a snowman next to a fire truck.", "kids making a snowman"),
    ("A woman signs a contract with a fountain pen.", "signing of a contract"),
    ("The chef sets a pan of mushrooms on fire.", "flames in a pan while cooking"),
    ("A parrot lands on the shoulder of the pilot.", "bird sitting on a pilot"),
    ("An old map of Iceland hangs above the piano.", "map of Iceland on the wall"),
    ("The goalkeeper catches the ball with one hand.", "goalkeeper saves the ball"),
    ("A scientist pours a blue liquid into a flask.", "scientist pouring liquid in a laboratory"),
    ("A black cat sleeps on a stack of newspapers.", "cat sleeping on newspapers"),
    ("A red balloon drifts over the stadium.", "balloon above a stadium"),
    ("A tailor measures the sleeve of a wedding dress.", "tailor and a wedding dress"),
    ("Firefighters carry a ladder through the library.", "ladder carried through a library"),
    ("A girl blows out nine candles on a birthday cake.", "candles on a birthday cake"),
    ("A tractor pulls a boat out of the mud.", "boat pulled by a tractor"),
    ("A magician hides a coin under a glass.", "magician makes a coin vanish"),
    ("Lightning strikes a tree behind the church.", "tree hit by lightning"),
    ("A nurse bandages the paw of a dog.", "dog with a bandaged paw"),
    ("A surfer waxes his board at dawn.", "surfer preparing a surfboard"),
    ("The clockmaker replaces a broken spring.", "repair of a clock"),
    ("A juggler drops three oranges on the stairs.", "oranges falling down the stairs"),
)
"""The text of a window, and a question about it in other words."""

UNSHOWN: tuple[str, ...] = (
    "Which planet does the astronaut land on?",
    "What is the name of the submarine captain?",
    "Who wins the chess tournament?",
    "How many penguins dive into the sea?",
    "What colour is the dragon?",
    "Why does the volcano erupt?",
    "When does the orchestra start to play?",
    "Who signs the peace treaty?",
    "Where does the helicopter crash?",
    "What does the dentist say to the patient?",
    "Which horse wins the race?",
    "How deep is the coal mine?",
    "Who is buried in the pyramid?",
    "What does the surgeon remove?",
    "How does the ballerina fall?",
    "Which team scores a goal in overtime?",
    "What is written on the tombstone?",
    "Who flies the hot-air balloon over the glacier?",
    "Why does the judge leave the court?",
    "Where do the elephants drink?",
)
"""Questions that no window of these outputs answers."""

NOT_TOLD: tuple[str, ...] = (
    "Which bridge collapses?",
    "What falls off the bridge?",
    "Which van is stolen?",
    "Who owns the parked van?",
    "Who cleans the shop window?",
    "Who paints the shop window?",
    "Why is the square empty?",
    "Which platform burns?",
    "What does the cyclist eat?",
    "Which cyclist wins?",
    "Where does the van explode?",
    "What is stolen from the platform?",
)
"""Questions about things that many windows show, without an answer in any."""

AGAIN: Mapping[int, tuple[str, str]] = {
    0: ("violin falling into a waterway", "fellow in rain gear lets go of a fiddle"),
    1: ("what do the kids make near the fire engine", "snow sculpture by a red truck"),
    2: ("lady putting her signature on a document", "what does she use to sign the paper"),
    3: ("what catches fire in the kitchen", "burning fungi in a skillet"),
    4: ("colourful bird perched on an aviator", "which animal sits on the airman"),
    5: ("chart of a Nordic island hanging over a keyboard instrument", "antique map on a wall"),
    6: ("keeper makes a one-handed save", "who stops the shot"),
    7: ("researcher filling a glass vessel with coloured fluid", "chemistry experiment"),
    8: ("kitten napping on a pile of papers", "where does the cat doze"),
    9: ("something round and red floats above an arena", "what flies over the stadium"),
    10: ("seamstress taking measurements of a bridal gown", "whose sleeve is measured"),
    11: ("fire brigade among bookshelves", "emergency crew with a ladder indoors"),
    12: ("kid at her birthday party puffing at flames", "girl turning nine"),
    13: ("farm vehicle drags a ship from the swamp", "what does the tractor tow"),
    14: ("conjuring trick with money", "where is the coin hidden"),
    15: ("thunderbolt near a place of worship", "what does the lightning hit"),
    16: ("injured puppy gets first aid", "hospital worker tending an animal"),
    17: ("man rubbing wax on a surf board at sunrise", "getting ready to ride the waves"),
    18: ("horologist swaps a damaged part", "fixing a timepiece"),
    19: ("entertainer lets fruit fall on the steps", "how many oranges does the juggler lose"),
}
"""Number of a fact -> paraphrases that share few or no words with it."""

_PEOPLE = (
    ("a carpenter", "a woodworker"),
    ("an old sailor", "an elderly seaman"),
    ("two twin sisters", "a pair of twins"),
    ("the mayor", "a town politician"),
    ("a firefighter", "a fireman"),
    ("a toddler", "a small child"),
    ("the librarian", "somebody who works in a library"),
    ("a beekeeper", "a person who keeps bees"),
    ("the goalkeeper", "a goalie"),
    ("a street musician", "a busker"),
)
_ACTS = (
    ("paints {}", "painting {}"),
    ("repairs {}", "fixing {}"),
    ("steals {}", "{} being stolen"),
    ("buries {} in the sand", "digging {} into the sand"),
    ("throws {} out of the window", "{} thrown from a window"),
    ("photographs {}", "taking a picture of {}"),
    ("washes {}", "cleaning {}"),
    ("sells {} at the market", "{} sold on a market stall"),
    ("burns {}", "setting fire to {}"),
    ("carries {} upstairs", "taking {} up the stairs"),
)
_THINGS = (
    ("a wooden chair", "a chair"),
    ("a silver trumpet", "a trumpet"),
    ("a birthday cake", "a cake"),
    ("an old bicycle", "a bike"),
    ("a red umbrella", "an umbrella"),
    ("a grandfather clock", "a big clock"),
    ("a blue suitcase", "luggage"),
    ("a stuffed bear", "a teddy"),
    ("a globe", "a model of the earth"),
    ("a fishing rod", "an angling rod"),
)

_WHO = ("A man", "A woman", "A couple", "A cyclist", "A guide", "A student")
_DOES = ("walks along", "stands by", "looks at", "waits near", "points to", "crosses")
_WHAT = ("the square", "a shop window", "the bridge", "a wall", "the platform", "an empty street", "a parked van")


def make(
    uri: str, texts: Mapping[str, Sequence[str]], *, run_id: str = RUN, uris: Mapping[str, str] | None = None
) -> Store:
    """Commit videos whose windows have `texts`; a section for every six windows repeats their first sentences."""
    made = [
        rows.video(v, duration_s=_seconds(some), **({"uri": uris[v]} if uris and v in uris else {}))
        for v, some in texts.items()
    ]
    store = Store(uri)
    CommitVideos(uri, run_id, "here").commit([dict(v) for v in made])
    plan = plan_of(CONFIG, made)
    by_id = {v["video_id"]: v for v in made}
    captions = captioner(CONFIG)
    segments = CommitSegments(uri, run_id, "here", captioner=captions)
    dataset = CommitDataset(uri, run_id, "here", narrator_key(video_operators(CONFIG)), captioner=captions)
    captioned, told = [], []
    for planned in plan.videos:
        video = by_id[planned.video_id]
        said, length = texts[planned.video_id], video["duration_s"]
        for k in range(planned.segment_count):
            row = rows.captioned(planned.video_id, k, key=planned.key, duration_s=length)
            for window in row["windows"]:
                window["text"] = said[window["window_index"]]
            captioned.append({**row, "uri": video["uri"]})
        sections = [_section(number, start, said) for number, start in enumerate(range(0, len(said), 6))]
        opening = "A long video of a town."
        row = rows.narrated(planned.video_id, key=planned.key, captioned_indices=tuple(range(planned.segment_count)))
        facts = {name: video[name] for name in ("uri", "duration_s", "source_version")}
        caption = "\n\n".join([opening, *(s["text"] for s in sections)])
        told.append({**row, **facts, "sections": sections, "caption": caption, "segments": planned.segment_count})
    segments.commit(captioned)
    dataset.commit(told)
    store.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')
    return store


def dull(count: int, seed: int) -> list[str]:
    """Texts of windows without events."""
    draw = random.Random(seed)
    return [f"{draw.choice(_WHO)} {draw.choice(_DOES)} {draw.choice(_WHAT)}." for _ in range(count)]


def hundred_facts() -> list[tuple[str, str]]:
    """A hundred facts that differ in two of subject, action and object; each as the text of a window,
    and as a question in other words."""
    found = []
    for k in range(100):
        i, j = divmod(k, 10)
        who, act, thing = _PEOPLE[j], _ACTS[(i + j) % 10], _THINGS[(i * 3 + j * 7) % 10]
        fact = f"{who[0]} {act[0].format(thing[0])}."
        found.append((fact[0].upper() + fact[1:], f"{who[1]} {act[1].format(thing[1])}"))
    return found


def planted(
    videos: int = 4, windows: int = 60, seed: int = 1, facts: Sequence[tuple[str, str]] = FACTS
) -> tuple[dict[str, list[str]], dict[int, tuple[str, int]]]:
    """Return texts of some videos, and fact -> its video and window; facts are never in adjacent windows."""
    texts = {f"v{i}": dull(windows, seed * 100 + i) for i in range(videos)}
    free = [(f"v{i}", w) for i in range(videos) for w in range(2, windows, 3)]
    places = random.Random(seed).sample(free, len(facts))
    for (fact, _), (video, window) in zip(facts, places, strict=True):
        texts[video][window] = f"{texts[video][window]} {fact}"
    return texts, dict(enumerate(places))


def span_of(window: int) -> tuple[float, float]:
    """Return the span of a window in seconds."""
    return window * rows.STRIDE_S, window * rows.STRIDE_S + rows.WINDOW_S


def _seconds(texts: Sequence[str]) -> float:
    seconds = (len(texts) - 1) * rows.STRIDE_S + rows.WINDOW_S
    assert Grid(seconds, rows.WINDOW_S, rows.STRIDE_S).window_count == len(texts)
    return seconds


def _section(number: int, start: int, texts: Sequence[str]) -> dict[str, object]:
    windows = list(range(start, min(start + 6, len(texts))))
    said = [{"text": texts[w].split(". ")[0].rstrip(".") + ".", "windows": [w], "grounding": None} for w in windows]
    span = {"start_s": span_of(windows[0])[0], "end_s": span_of(windows[-1])[1]}
    text = " ".join(str(s["text"]) for s in said)
    return {**rows.section(section_index=number, **span), "text": text, "sentences": said, "windows": windows}
