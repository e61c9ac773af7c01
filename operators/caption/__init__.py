"""Frame and window captions of a segment: the operator `caption`, its options and how windows are chained. Imports
engines, prompts, cleaning and everything below; no other task folder.
"""
