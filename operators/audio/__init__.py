"""Sound: decoded to 16 kHz mono on the video's own clock, voice found in it, and what is said recognised.

`lines` is plain data that captioners and narrators read; everything that works on sound stands above it. May import
`operators.video` (the decoding process, containers, subtitles) and what that imports; captioning and narration import
`lines` and `heard` alone.
"""
