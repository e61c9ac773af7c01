"""The long caption of a video: the operator `narrate`, with outline, sections, opening, length and grounding. May
import engines, prompts, cleaning and everything below them, but no other task folder.
"""
