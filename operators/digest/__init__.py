"""Captions of a whole video made fewer before it is narrated from them: vague ones out, alike neighbours together."""
