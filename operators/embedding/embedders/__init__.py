"""Embedders: the protocol in `base`, the kinds in `registry`, and one file per kind."""
