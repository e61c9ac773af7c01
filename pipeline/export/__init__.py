"""Exports: a finished output written in the files of a training framework, a player or an evaluation tool.

`base.py` is the contract of an export, `registry.py` names them, `formats/` holds those that ship with Longcap, one
family a file. `export.py` does the work: it selects videos, divides them into shards, makes their media files, asks the
export for rows and writes them. An export knows its target's rules and nothing of storage, shards or annotations.
May import `output` and what stands below it.
"""
