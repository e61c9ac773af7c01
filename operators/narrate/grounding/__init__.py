"""Grounding: which captions support a narrated sentence, which of its clauses have no support, what contradicts it.

Scorers compare a text with the sentences of the captions; `fitted.json` holds the weights and thresholds that
`bench/grounding.py` fits. Belongs here: everything that compares two texts about a video. Imports only
`operators.language.words`, and `operators.core.grid`.
"""
