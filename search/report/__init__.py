"""A study's answer in one file to send on: what was found, the pictures, how it was done.

- `making.py` writes the file, from what `gathering.py` reads.
- `sentences.py` has what is said in words, `tables.py` and `method.py` what stands in tables.
- `page.py` makes the HTML page of them, with `illustrating.py` for its pictures (`pictures/`) and
  `page_style.py` for its looks; `markdown_page.py` the same in Markdown, without pictures.
"""
