"""Pages about an output for people: the report, the page of one video, the dataset card.

It reads through `Output`, renders the templates beside this file, and writes only `report.html`, `report.json` and
`README.md`. It may import `output`, `monitoring`, `planning`, `sources`, `config` and `terminal`.
"""
