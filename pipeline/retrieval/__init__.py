"""Retrieval: `longcap index`, `search` and `ask` find spans in a finished output and answer questions from them.

`passages.py` turns the rows of an output into texts with time spans; `index.py` stores them in an embedded database
beside the tables; `search.py` ranks them; `ask.py` answers from them. It may import `output` and what stands below it.
"""
