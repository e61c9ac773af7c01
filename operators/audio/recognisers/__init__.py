"""Recognisers: what turns sound into words, one file a kind, behind the protocol in `base`."""
