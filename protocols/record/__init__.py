"""Protected air frames: who said it, that it is whole, that it is new (docs/air-format/record.md).

A record (``layout``) carries one message or fragment, encrypted and tagged (``suite``, ``sealing``) under the key of a
session (``keys``). Its counter is nonce, message id and replay key at once: 16 bits of it travel, the receiver rebuilds
the other 24 (``counter``) and lets each count only once (``window``). Hello frames (``hello``, ``keytransport``,
``notice``, sealed by ``siv``) begin sessions and carry keys. ``sender`` and ``receiver`` with ``greeting`` are the two
ends of one direction as values that go into a database; ``limits`` says when a key or a short tag has had enough.
"""
