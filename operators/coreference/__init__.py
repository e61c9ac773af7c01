"""Coreference: the operator `names`, which resolves persons and things in window captions and gives each one name
throughout the video, reversibly. May import engines, prompts, cleaning and everything below them, but no other task
folder.
"""
