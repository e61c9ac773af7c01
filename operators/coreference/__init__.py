"""Names that stay the same through a video: the operator `names`, which finds who is who in window captions and
renames mentions so that each rename can be undone. Imports engines, prompts, cleaning and everything below; no
other task folder.
"""
