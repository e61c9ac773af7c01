"""`longcap view`: a local web page over one or several outputs, also while runs are writing to them.

It reads outputs through `pipeline.output` and writes only annotations. It may import all that stands below it in
`pipeline`. The browser gets plain HTML, CSS and ES modules from `templates/` and `static/` and nothing from elsewhere.
"""
