"""Training data from finished captions: questions, dialogues, sub-captions, chapters, highlights, documents and pairs.

One operator a kind, each of level video and without a model: the answer follows from what the captions say and when.
Each writes `items`, a list whose entries exports and the index read. Imports what stands below the task folders.
"""
