"""Content longer than a frame, over any bearers in any order: an erasure code and a hybrid ARQ that asks for a number.

The content becomes a block (``block``) of k equal source symbols (``split``), and any k of the up to 256 symbols made
from them give it back (``cauchy`` over ``field``). A fragment (``fragment``) carries whole symbols of one transfer and
says enough for its receiver to begin with it. ``sender`` gives out fragments and listens for "n more"
(``planning`` says how many at once), ``numbers`` gives transfers their numbers, and ``reassembly`` with ``held`` is the
receiver's side.
"""
