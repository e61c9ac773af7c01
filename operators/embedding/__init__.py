"""Vectors of frames and texts: embedders with a common protocol, operators that write tables of vectors, and what is
computed from such tables (tiles, matching scores, near-duplicates). The loader of the small offline sentence model is
here, for grounding and search as well. May import engines, video, analysis and everything below.
"""
