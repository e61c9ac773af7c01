"""What an output looks like to a person: the report page, the page of one video, the dataset card.

Reads through `Output`; renders the templates beside this file; writes nothing but `report.html`, `report.json` and
`README.md`. May import `output`, `monitoring`, `planning`, `sources`, `config` and `terminal`.
"""
