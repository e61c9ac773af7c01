"""Natural language: which language a text is in, and where its sentences end.

Imports nothing of Longcap, so that every operator and engine may use it.
"""
