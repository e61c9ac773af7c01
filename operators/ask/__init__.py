"""One request to an engine per row, or per item of a list of the row: prompt in, text or fields out. A recipe gives
the prompt, the items and the column. May import engines, audio and what is below them."""
