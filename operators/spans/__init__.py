"""Lists of spans of a video: cut, filtered, stitched, handed to the segments that they start in. Imports analysis,
embedding and everything below; no other task folder.
"""
