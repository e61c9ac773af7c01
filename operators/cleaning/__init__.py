"""What models write around, behind and in place of a caption, and how it is removed.

A rule is a small named function from text to text. `clean` applies all rules in order to an answer of any kind, text or
JSON, and names those that removed something. What no rule can repair is for the gates (`operators.engines.gates`),
which look at the cleaned answer. The rules look at form, never at whether a caption is true. May import
`operators.language` and nothing else of Longcap.
"""
