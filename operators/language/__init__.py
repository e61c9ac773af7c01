"""Natural language: identify the language of a text, and split it into sentences.

Imports nothing from Longcap, so that every operator and engine may use it.
"""
