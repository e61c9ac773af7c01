"""The exports that ship with Longcap, one family per file. `lines.py` and `conversation.py` are shared by several."""
