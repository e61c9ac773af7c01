"""The exports that ship with Longcap, one family a file. `lines.py` and `conversation.py` are what several share."""
