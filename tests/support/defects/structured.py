"""Structured answers, with the marks of defects that must not be in the parsed form."""

from __future__ import annotations

STRUCTURED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ('fields', 'Here are the fields:\n\n{"caption": "In this clip, {c}", "subjects": [{"name": "Subject 1: a man", "looks": "Not specified"}], "actions": ["1. walks", "2. knocks"], "camera": "The camera work is not visible.", "scene": "unknown", "on_screen_text": ["None"]}', ('In this clip', 'Subject 1', 'Not specified', '1. walks', 'unknown', '"None"')),
    ('fields', '{"caption": "{c}", "subjects": [{"name": "man", "looks": "as described above"}], "actions": ["walks along a street [1]"], "camera": "N/A (static)", "scene": "Scene: street", "on_screen_text": ["No text visible"]}', ('as described', '[1]', 'Scene:', 'No text visible')),
    ('fields', '{"caption": "{c}", "subjects": ["a man in a red jacket", "a door"], "actions": "walks, knocks", "camera": {"movement": "static"}, "scene": null}', ('null',)),
    ('fields', '{"caption": "{c}", "subjects": [{"name": "a man", "looks": "red jacket"}], "actions": ["walks"], "camera": "static<|im_end|>", "scene": "<scene description>", "on_screen_text": []}', ('<|', '<scene')),
    ('fields', '{"caption": "The frames show a man who walks. (Note: blurry.)", "subjects": [{"name": "...", "looks": "..."}], "actions": ["..."], "camera": "...", "scene": "...", "on_screen_text": ["..."]}', ('frames show', 'Note', '...')),
    ('outline', 'Sure, here is the plan:\n```json\n{"sections": [{"topic": "Section 1 – A walk", "words": 40}, {"topic": "2) A door", "words": 60}]}\n```\nTotal: 100 words.', ('Section 1', '2)')),
    ('outline', '{"sections": [{"topic": "A walk (0:00-0:30)", "words": 40}, {"topic": "A door (words: 60)", "words": 60}]}', ('(0:00', '(words')),
    ('outline', '{"sections": [{"title": "A walk", "word_count": 40}, {"title": "A door", "word_count": 60}]}', ()),
    ('names', '<think>same jacket</think>\n```json\n{"same": "Yes", "name": "Name: the man in red"}\n```', ('Name:',)),
    ('names', '{"same": true, "name": "The man in red (also called Person 1)"}', ('Person 1',)),
    ('fields', '{"caption": "{c}", "subjects": [{"name": "(1) man", "looks": "cannot be determined"}], "actions": ["walks (0:00-0:04)", "knocks (0:05)"], "camera": "Camera: static", "scene": "Not applicable.", "on_screen_text": ["(none)"]}', ('(1)', 'cannot be', '0:00', 'Camera:', 'applicable', 'none')),
    ('fields', '{"description": "{c}", "subjects": [], "actions": [], "camera": "", "scene": "", "on_screen_text": []}', ()),
    ('outline', '{"sections": [{"topic": "Part One: A walk", "words": 40}, {"topic": "Part Two: A door [captions 3-5]", "words": 60}]}', ('Part One', '[captions')),
    ('names', '{"same_person": "yes, same jacket", "label": "the man in red"}', ()),
    ('fields', '{"caption": "Caption: {c}", "subjects": [{"name": "person_1: a man", "looks": "wearing a red jacket (see frame 2)"}], "actions": ["- walks"], "camera": "static camera.", "scene": "n/a", "on_screen_text": ["no text"]}', ('Caption:', 'see frame', '- walks', 'n/a', 'no text')),
    ('outline', '{"sections": [{"topic": "Opening: A walk", "words": "40 words"}, {"topic": "\\"A door\\"", "words": "~60"}]}', ('Opening:',)),
)  # fmt: skip
