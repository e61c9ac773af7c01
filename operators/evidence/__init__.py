"""What is known of a video beside its frames, as it enters prompts: speech, text on screen, objects. Every item has a
half-open span; a prompt gets those of its own time, labelled by kind and quoted.

May import audio, reading and what stands below; the tasks that write prompts import it.
"""
