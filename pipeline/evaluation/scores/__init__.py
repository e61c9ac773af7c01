"""Scores of finished captions: what each metric is, over which captions and references, and the table of scores.

Metrics are functions of words and spans and import numpy at most; `scoring` puts them together into one row a caption.
"""
