"""Inputs: files, folders, prefixes and manifests become a listing of videos.

May import `config` and `terminal`.
"""
