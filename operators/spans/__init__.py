"""Lists of spans: found by what changes, cut, joined, stitched, scored. Imports analysis,
embedding and everything below; no other task folder.
"""
