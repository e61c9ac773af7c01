"""Recognisers, which turn sound into words: one file per kind, with the protocol in `base`."""
