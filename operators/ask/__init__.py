"""One request to an engine for each row, or for each item of a list of the row: prompt in, text or fields out. A recipe
says which prompt, over which items, and into which column. May import engines, audio and what stands below them."""
