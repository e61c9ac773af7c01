"""The long caption of a video: the operator `narrate`, its outline, sections, opening, length and grounding. Imports
engines, prompts, cleaning and everything below; no other task folder.
"""
