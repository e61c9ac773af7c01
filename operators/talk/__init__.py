"""Process speech for recipes: blocks of lines, captions from answers, their times, chapters, and speakers' names.

May import audio, embedding, engines and what stands below.
"""
