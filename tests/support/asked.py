"""Questions about the facts of `planted.FACTS` in other words, and questions without an answer."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[int, tuple[str, str]] = {
    0: ("Which instrument ends up in the waterway?", "What does the person in the rain jacket let fall?"),
    1: ("What are the kids making out of snow?", "Next to which vehicle do the youngsters play in the snow?"),
    2: ("With what does the lady put her name on the agreement?", "Who signs the paperwork?"),
    3: ("What starts burning on the stove?", "Which ingredient does the cook set alight?"),
    4: ("Where does the colourful bird sit down?", "Which animal joins the aviator?"),
    5: ("Which island is shown on the antique chart?", "What is hanging over the keyboard instrument?"),
    6: ("How does the keeper save the shot?", "Who stops the ball single-handed?"),
    7: ("What colour is the fluid that the researcher fills in?", "Into which vessel does the chemist pour?"),
    8: ("What does the dark kitten lie on while it naps?", "Which pet is asleep on old papers?"),
    9: ("What floats above the sports ground?", "Over which building does the balloon drift?"),
    10: ("Which garment does the seamster take measurements of?", "Who measures the bridal gown?"),
    11: ("What do the firemen bring through the reading room?", "Where is the ladder carried by the fire crew?"),
    12: ("How old does the birthday girl turn?", "What does the girl blow out on her cake?"),
    13: ("Which farm vehicle rescues the boat?", "What is stuck in the mud and towed out?"),
    14: ("Beneath what does the conjurer hide the money?", "What vanishes under the glass in the magic trick?"),
    15: ("What gets hit in the thunderstorm?", "Behind which building is the tree struck?"),
    16: ("Which part of the dog is dressed by the nurse?", "Who takes care of the hurt puppy?"),
    17: ("At what time of day is the surfboard waxed?", "What does the wave rider rub with wax?"),
    18: ("Which part of the clock is exchanged?", "Who puts a new spring into the timepiece?"),
    19: ("Which fruit does the entertainer lose?", "On what do the oranges fall?"),
}
"""Number of a fact -> two questions that it answers."""

UNANSWERABLE: tuple[str, ...] = (
    "What is the title of the opera?",
    "How many wolves are in the pack?",
    "Who repairs the satellite?",
    "Which river floods the village?",
    "What does the pharmacist recommend?",
    "Why is the marathon cancelled?",
    "Who is elected president?",
    "What is hidden in the attic?",
    "Which bakery sells the bread?",
    "How long does the eclipse last?",
    "Where is the diamond buried?",
    "What does the archaeologist dig up?",
    "Who plays the cello at the funeral?",
    "Which mountain do the climbers reach?",
    "What breaks the windscreen of the lorry?",
    "When does the ferry leave the harbour?",
    "Who feeds the crocodiles?",
    "What is the score of the tennis match?",
    "Which language does the ambassador speak?",
    "How does the detective find the thief?",
)
"""Questions that no window of these outputs answers."""
