"""Where one shot gives way to another, by a score of each pair of neighbouring thumbnails: scores in one table, what is
decided from them in another, so that another threshold decodes nothing. Imports analysis and everything below.
"""
