"""Turn inputs (files, folders, prefixes and manifests) into a listing of videos.

May import `config` and `terminal`.
"""
