"""`longcap view`: a local web page over one or several outputs, also while runs go on.

Reads outputs through `pipeline.output` and writes only annotations. May import all that stands below it in `pipeline`.
The browser gets plain HTML, CSS and ES modules from `templates/` and `static/`; nothing comes from elsewhere.
"""
