"""Exports: a finished output written as the files of a training framework, a player or an evaluation tool.

`base.py` is the contract of an export, `registry.py` lists them by name, and `formats/` has those that ship with
Longcap, one family per file. `export.py` does the work: it selects videos, divides them into shards, makes their media
files, asks the export for rows and writes them. An export knows the rules of its target, but not storage, shards or
annotations. It may import `output` and what stands below it.
"""
