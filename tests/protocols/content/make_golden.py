"""Makes golden.jsonl, once for each released model: contents that must open for ever. Rows are added, never changed.

python -m tests.protocols.content.make_golden >> tests/protocols/content/golden.jsonl
"""

import json
from dataclasses import asdict

from protocols.content.codec import Content
from protocols.content.context import Ends
from protocols.content.receipts import Level, PeerReceipt, Receipt
from tests.protocols.content.worlds import CORPUS, ENDS, MODEL, codec

ODD = [
    {"type": "chat", "text": "羌峰寨𠀀ḿ\ue000 \0 é"},
    {"type": "chat", "text": "Ωμέγα 12 km, ½ of it"},
    {"type": "weather", "ts": "2026-05-12T04:00:00Z", "wind": 31, "places": [{"lat": 1.5}], "": None},
    {"type": "sensor", "metric": "salinity", "value": -0.00125, "unit": "g/kg", "threshold": 35},
    {"type": "position", "pos": {"lat": 90.0, "lon": -180.0, "alt": -400}, "at": "terminal", "age": 86400},
    {"type": "opaque", "data": "00ff7f"},
    {"id": 7, "ts": "1999-12-31T23:59:59Z", "src": "ALL", "dst": "nobody-7", "prio": 4},
]
RECEIPTS = [
    Receipt(65535, 4096, 0xFFFFFFFF, 15, ((255, 0), (1, 200)), ((7, Level.ANSWERED), (8, Level.REFUSED))),
    Receipt(group=tuple(PeerReceipt(number, 255 - number, number) for number in range(1, 17))),
]


def receipt_json(receipt):
    return None if receipt is None else json.loads(json.dumps(asdict(receipt)))


def rows():
    every = codec()
    contents = [Content(message) for message in [*CORPUS[::40], *ODD]]
    contents += [Content(receipt=receipt) for receipt in RECEIPTS]
    contents += [Content(ODD[0], RECEIPTS[0]), Content(batch=tuple(CORPUS[:5])), Content()]
    for content in contents:
        for number, agreed, bare in ((MODEL, MODEL, False), (MODEL, MODEL, True), (0, 0, False), (MODEL, 0, True)):
            yield {
                "model": number,
                "agreed": agreed,
                "data": every.encode(content, ENDS, number, agreed, bare=bare).hex(),
                "message": content.message,
                "batch": list(content.batch),
                "receipt": receipt_json(content.receipt),
            }


def main():
    assert Ends("310133", "HQ5132", 155) == ENDS
    for row in rows():
        print(json.dumps(row))


if __name__ == "__main__":
    main()
