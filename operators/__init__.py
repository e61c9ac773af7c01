"""The work: plain Python on rows. Imports neither Ray nor `pipeline` nor `cluster`.

From top to bottom, each imports only what stands below it: the task folders (caption, narrate, ask, pick, …), evidence,
audio with reading and detection, embedding, engines and video, analysis, prompts and cleaning, language, store, core.
Task folders never import each other. The contract in pyproject.toml lists them all.
"""
