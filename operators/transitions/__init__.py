"""Where one shot gives way to another, by a score of every pair of neighbouring thumbnails: scores in one table, what is
decided from them in another, so that a threshold decodes nothing again. Imports analysis and everything below.
"""
