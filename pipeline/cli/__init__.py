"""The command line: parse, call, print, exit code; one file for each group of commands.

May import every other folder, inside the bodies of commands: `longcap --help` must not wait for Ray.
"""
