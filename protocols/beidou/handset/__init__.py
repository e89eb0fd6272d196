"""Plain text from and to people with a Beidou handset: parse.py reads it, receipt.py answers it.

A text is read in this order: normalise.py (one spelling), angles.py and coordinates.py (where), then on what is left
vocabulary.py, hazards.py and items.py (words), counts.py and numerals.py (how many), and parse.py decides the kind.
"""
