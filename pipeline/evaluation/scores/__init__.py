"""Scores of finished captions: the metrics, the captions and references that they compare, and the table of scores.

Metrics are functions of words and spans and import at most numpy; `scoring` combines them into one row per caption.
"""
