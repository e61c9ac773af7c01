"""Lists of spans: find them by changes, split, join, stitch and score them. Imports analysis,
embedding and everything below; no other task folder.
"""
