"""Captions of a whole video made fewer before anything is told from them: vague ones out, alike neighbours together."""
