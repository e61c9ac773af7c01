"""Metrics by judges: an engine reads captions and gives verdicts on key points, questions and events.

`asking.py` is one request and its checked answer, `judge.py` an engine with its table of answers, `protocols/` has one
family of metrics per file, and `run.py` judges all captions. It may import `scores`, the engines and what stands below
them.
"""
