"""Frame and window captions of a segment: the operator `caption`, its options and the chaining of windows. May import
engines, prompts, cleaning and everything below them, but no other task folder.
"""
