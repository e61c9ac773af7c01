"""Sound: decode it to 16 kHz mono on the video's clock, detect voice, and recognise speech.

`lines` holds plain data that captioners and narrators read; all processing of sound imports it. May import
`operators.video` (the decoding process, containers, subtitles) and what that imports; captioning and narration import
only `lines` and `heard`.
"""
