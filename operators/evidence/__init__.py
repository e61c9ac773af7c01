"""Evidence for prompts: speech, text on screen and objects of a video, besides its frames. Every item has a half-open
span; a prompt gets the items of its own span, quoted and labelled by kind.

May import audio, reading and what stands below; the tasks that write prompts import it.
"""
