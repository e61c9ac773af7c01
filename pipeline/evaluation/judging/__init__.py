"""Metrics that ask a judge: an engine reads captions and gives verdicts on key points, questions and events.

`asking.py` is one request and its checked answer, `judge.py` an engine with its table of answers, `protocols/` one
family of metrics a file, `run.py` all captions and their scores. May import `scores`, the engines and what stands below
them.
"""
