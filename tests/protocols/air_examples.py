"""The figures and worked examples of docs/air-format.md and its pages, made by the program itself.

    .venv/bin/python -m tests.protocols.air_examples            prints them
    .venv/bin/python -m tests.protocols.air_examples --write    puts them into the pages, between their marks

Each stands in a page between ``<!-- example: NAME -->`` and ``<!-- end of example -->``; test_air_format_document.py
compares them. A difference means that the format has changed: that is never an accident.
"""

import argparse
import json
import math
import re

from gateway.air.models import model
from protocols.content.codec import FORM_ENDS, Content, ContentCodec, Passage
from protocols.content.context import Ends, Operation, Shared
from protocols.content.rangecoder import RangeDecoder, RangeEncoder
from protocols.content.receipts import Level, PeerReceipt, Receipt
from protocols.content.schema import SCHEMA_1
from protocols.content.steps import first_of, step_of, width_of
from protocols.content.strand import Writer
from protocols.content.textcounts import END
from protocols.fragment.block import BLOCK_HEAD_BYTES, content_of, source_symbols
from protocols.fragment.cauchy import coefficient, decode, encode_symbol
from protocols.fragment.fragment import Fragment
from protocols.record.address import Ends as Addresses
from protocols.record.address import Implied
from protocols.record.hello import Hello, HelloMessage
from protocols.record.keys import RootSecret, Session, first_chain, hello_key, pair_secret, session_keys
from protocols.record.layout import Form, Header, HelloFrame, HelloKind
from protocols.record.sealing import seal, try_open
from protocols.record.siv import open_hello, seal_hello
from tests.protocols.air_tables import ROOT, batch_names, forgeries, frequencies, model_file, schema, sizes, table

PAGES = (ROOT / "docs/air-format.md", *sorted((ROOT / "docs/air-format").glob("*.md")))
BLOCK = re.compile(r"<!-- example: ([\w-]+) -->\n(.*?)<!-- end of example -->", re.DOTALL)

SHARED = Shared(
    (Operation("汶川县", 31.0, 103.5, 1_778_554_800, "HQ5132", "513221", ("310133", "312472", "314029")),), revision=3
)
UP = Ends("310133", "HQ5132", 0)
DOWN = Ends("HQ5132", "310133", 0)
CODEC = ContentCodec({1: model(1)}, SHARED)
POSITION = {
    "type": "position",
    "ts": "2026-05-12T06:20:15Z",
    "src": "310133",
    "dst": "HQ5132",
    "prio": 3,
    "id": "310133-0",
    "pos": {"lat": 31.0601, "lon": 103.496, "alt": 1130},
    "at": "terminal",
    "spd": 0,
    "status": "arrived",
    "text": "到达漩口镇，3人",
}
RECEIPT = Receipt(highest=160, run=3, bitmap=0b1011, session=0, needs=((5, 2),), levels=((155, Level.DELIVERED),))
GROUP = Receipt(group=(PeerReceipt(0x0203, 160, 0b1011), PeerReceipt(0x0204, 7)))
PIECES = bytes.fromhex("8a3f00c7e4115d0102030405060708090a0b0c0d")
"""The content of the fragment examples."""

ROOT_SECRET = RootSecret(bytes(range(32)))
FIELD, HQ, SALT = 0x0203, 0x0001, 0x0D1E2F30


def shown(character):
    return {END: "END", "|": "\\|"}.get(character, character)


class Logged:
    """A sink that writes, and notes what each step costs."""

    def __init__(self, coder):
        self.coder, self.writer, self.rows = coder, Writer(coder), []

    def note(self, name, value, frequency, total):
        self.rows.append((name, value, f"{frequency} of {total}", math.log2(total / frequency)))

    def fixed(self, name, index, ends):
        self.note(name, index, ends[index + 1] - ends[index], ends[-1])
        self.writer.fixed(index, ends)

    def symbol(self, name, index, size):
        ends = self.coder.ends(name, size)
        self.note(f"`{name}`", index, ends[index + 1] - ends[index], ends[-1])
        self.writer.symbol(name, index, size)

    def uniform(self, value, count):
        if count > 1:
            self.note("evenly", value, 1, count)
        self.writer.uniform(value, count)

    def number(self, name, value, bits):
        step = step_of(value)
        self.symbol(name, step, 2 * bits)
        self.uniform(value - first_of(step), width_of(step))

    def text(self, text):
        costs = Costs()
        self.coder.text.put(costs, text)
        ends = self.coder.ends("text.form", 3)
        self.note("`text.form`", 0, ends[1], ends[-1])
        self.rows.append((f"text {text}", "", f"{len(costs.bits)} steps", sum(costs.bits)))
        self.writer.text(text)


class Costs:
    """Takes the symbols of a text and keeps their costs."""

    def __init__(self):
        self.bits, self.steps = [], []

    def put(self, cumulative, frequency, total):
        self.steps.append((cumulative, frequency, total))
        self.bits.append(math.log2(total / frequency))

    def uniform(self, value, count):
        while count > 1 << 16:
            self.put(value % (1 << 16), 1, 1 << 16)
            value, count = value >> 16, -(-count >> 16)
        self.put(value, 1, count)


def bits(value):
    return f"{value:.2f}"


def encoded(content, ends=UP, number=1, *, agreed=1, bare=False):
    """Return the bytes of a content, having seen them read back."""
    data = CODEC.encode(content, ends, number, agreed, bare=bare)
    assert CODEC.decode(data, ends, agreed, shares=not bare) == content
    return data


def logged(content, ends):
    sink = Logged(model(1))
    sink.fixed("form", 0, FORM_ENDS)
    Passage(sink, SCHEMA_1, SHARED, ends).put(content)
    data = sink.writer.finish()
    assert data == encoded(content, ends)
    return sink.rows, data


def costs_table(content, ends):
    rows, data = logged(content, ends)
    total = sum(cost for *_, cost in rows)
    listed = [(name, value, share, bits(cost)) for name, value, share, cost in rows]
    listed.append(("**together**", "", f"{len(data)} bytes", f"**{bits(total)}**"))
    return table(("symbol", "value", "frequency", "bits"), listed)


# --- the examples ----------------------------------------------------------------------------------------------------


def coder_steps():
    """A few steps of the range coder with its limits after each."""
    coder, rows = RangeEncoder(), []
    for what, (low, frequency, total) in (
        ("0 to 59 of 64", (0, 60, 64)),
        ("7 of 10", (7, 1, 10)),
        ("31 to 32 of 64", (31, 2, 64)),
        ("57920 of 65536", (57920, 1, 65536)),
        ("1 of 16", (1, 1, 16)),
    ):
        coder.put(low, frequency, total)
        out = "".join(map(str, coder._bits))
        rows.append((what, f"`{coder._low:08x}`", f"`{coder._high:08x}`", coder._pending, out or "–"))
    data = coder.finish()
    rows.append(("end", "", "", "", "".join(map(str, coder._bits)) + f" → `{data.hex()}`"))
    return table(("step", "low after it", "high after it", "deferred", "bits so far"), rows)


def even_values():
    rows = []
    for value, count in ((7, 10), (254, 256), (1_106_496, 1_114_112), (0, 2)):
        coder = RangeEncoder()
        coder.uniform(value, count)
        data = coder.finish()
        assert RangeDecoder(data).uniform(count) == value
        rows.append((value, count, f"`{data.hex()}`" if data else "nothing: no bytes"))
    return table(("value", "of", "bytes, alone"), rows)


def steps():
    numbers = (0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 16, 1130, 12_015, 65_535)
    rows = [(n, step_of(n), first_of(step_of(n)), width_of(step_of(n))) for n in numbers]
    return table(("number", "step", "first of it", "numbers in it"), rows)


def text_steps():
    """How one text is coded, step by step."""
    text, coder, history, rows = "在3楼", model(1).text, END, []
    for character in text + END:
        symbol = "0" if character.isdigit() else character
        for share, escape in coder._shares(history, set()):
            place = share.place(symbol)
            context = "".join(map(shown, history))[-12:] or "nothing"
            seen = f"{share.left} followers, {share.total} sightings"
            if place is None:
                rows.append(
                    (shown(character), context, seen, f"escape {escape} of 4096", bits(math.log2(4096 / escape)))
                )
                continue
            cost = math.log2(4096 / (4096 - escape)) + math.log2(share.total / place[1])
            what = f"none {4096 - escape} of 4096; {place[1]} of {share.total}, {place[0]} before it"
            rows.append((shown(character), context, seen, what, bits(cost)))
            break
        if symbol != character:
            rows.append((character, "", "", "1 of 10 evenly", bits(math.log2(10))))
        history = (history + symbol)[-coder.order :]
    encoder = RangeEncoder()
    coder.put(encoder, text)
    alone = encoder.finish()
    assert coder.get(RangeDecoder(alone)) == text
    rows.append(("together", "", "", f"`{alone.hex()}`", bits(sum(float(row[-1]) for row in rows))))
    return table(("character", "context", "in it", "coded", "bits"), rows)


def contents():
    """Whole contents as hexadecimal digits."""
    unknown = {"type": "weather", "ts": "2026-05-12T06:20:15Z", "wind": 31}
    later = {
        "type": "position",
        "ts": "2026-05-12T06:25:15Z",
        "src": "312472",
        "id": "312472-0",
        "pos": {"lat": 31.05, "lon": 103.51},
    }
    chat = {"type": "chat", "text": "平安"}
    near = {name: value for name, value in POSITION.items() if name not in {"text", "spd"}}
    examples = [
        ("nothing at all", encoded(Content())),
        ('`{"type":"chat","text":"平安"}`', encoded(Content(chat))),
        ("the same, BARE", encoded(Content(chat), bare=True)),
        ("the same, model 0 named", encoded(Content(chat), number=0)),
        ("the same, model 0 named, bare", encoded(Content(chat), number=0, bare=True)),
        ("the same, model 0 agreed", CODEC.encode(Content(chat), UP, 0, 0)),
        (f"`{json.dumps(unknown, separators=(',', ':'))}`", encoded(Content(unknown))),
        ("a batch: the overview's position without text and speed, then `" + json.dumps(later, separators=(",", ":")) + "`", encoded(Content(batch=(near, later)))),
        ("the receipt of the receipts' page, then the chat", encoded(Content(chat, RECEIPT), DOWN)),
    ]  # fmt: skip
    return table(("content, from 310133 to HQ5132", "bytes"), [(what, f"`{data.hex()}`") for what, data in examples])


def position_bytes():
    return encoded(Content(POSITION))


def position_json():
    return "```json\n" + json.dumps(POSITION, ensure_ascii=False) + "\n```\n"


def keys_of(ends):
    return session_keys(first_chain(pair_secret(ROOT_SECRET, FIELD, HQ), ends), Session(ends, 0, SALT))


def position_frames():
    """The position as a record and in a hello, and what opening gives."""
    ends, content = Addresses(FIELD, HQ), position_bytes()
    held = keys_of(ends)
    record = seal(held, Header(), 1, content)
    opened = try_open([held], record, Implied(FIELD, HQ))
    assert opened is not None
    key = hello_key(pair_secret(ROOT_SECRET, FIELD, HQ), ends)
    told = Hello(0, SALT, model=1, revision=3, message=HelloMessage(1, content))
    hello = seal_hello(key, HelloKind.HELLO, Form.IMPLIED, told.to_bytes())
    again = Hello.from_bytes(open_hello(key, HelloFrame.from_bytes(hello), Implied(FIELD, HQ)))
    assert again.message == told.message
    read = CODEC.decode(opened.plaintext, UP, 1).message
    assert read == POSITION
    return table(
        ("", f"session of the record page's examples: counter 1, key `{held.key.hex()}`, static IV `{held.static_iv.hex()}`"),
        [
            (f"content, {len(content)} bytes", f"`{content.hex()}`"),
            (f"record, {len(record)} bytes", f"`{record.hex()}`"),
            ("opened: counter, plaintext", f"{opened.counter}, `{opened.plaintext.hex()}`"),
            ("hello around it: plaintext", f"`{told.to_bytes().hex()}`"),
            (f"hello, {len(hello)} bytes", f"`{hello.hex()}`"),
        ],
    )  # fmt: skip


def receipts():
    return (
        costs_table(Content(receipt=RECEIPT), DOWN)
        + f"\nBytes: `{encoded(Content(receipt=RECEIPT), DOWN).hex()}`\n\n"
        + "The group receipt: `"
        + encoded(Content(receipt=GROUP), Ends("HQ5132", "ALL", 0), bare=True).hex()
        + "` (BARE, from HQ5132 to ALL).\n"
    )


def fragments():
    source = source_symbols(PIECES, 3)
    mask_key = source[0][1:BLOCK_HEAD_BYTES]
    symbols = {index: encode_symbol(source, index) for index in (0, 1, 2, 3, 4, 255)}
    assert content_of(decode(3, {index: symbols[index] for index in (1, 4, 255)})) == PIECES
    one = Fragment(5, 3, 3, (symbols[3],)).to_bytes()
    several = Fragment(5, 3, 0, (symbols[0], symbols[1])).to_bytes()
    rows = [
        ("content, 20 bytes", PIECES.hex()),
        ("check, which is the mask's key too", mask_key.hex()),
        ("block: zeros 2, check, masked rest", b"".join(source).hex()),
        *((f"symbol {index}", symbol.hex()) for index, symbol in symbols.items()),
        ("fragment with symbol 3", one.hex()),
        ("fragment with symbols 0 and 1", several.hex()),
    ]
    return table(("k = 3, transfer 5", "bytes"), [(what, f"`{value}`") for what, value in rows])


def coefficients():
    pairs = ((3, 0), (3, 1), (3, 2), (4, 0), (255, 2))
    rows = [(i, c, i ^ c, f"`{coefficient(i, c):02x}`") for i, c in pairs]
    return table(("index i", "column c", "i XOR c", "coefficient"), rows)


EXAMPLES = {
    "coder-steps": coder_steps,
    "even-values": even_values,
    "steps": steps,
    "text-steps": text_steps,
    "contents": contents,
    "position-json": position_json,
    "position-costs": lambda: costs_table(Content(POSITION), UP),
    "position-frames": position_frames,
    "receipts": receipts,
    "batch-names": batch_names,
    "fragments": fragments,
    "coefficients": coefficients,
    "schema": schema,
    "model-file": model_file,
    "frequencies": frequencies,
    "sizes": sizes,
    "forgeries": forgeries,
}


def written(page):
    """Return the examples in a page by name."""
    return dict(BLOCK.findall(page.read_text(encoding="utf-8")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put them into the pages")
    if not parser.parse_args().write:
        for name, made in EXAMPLES.items():
            print(f"<!-- example: {name} -->\n{made()}<!-- end of example -->\n")
        return
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = BLOCK.sub(lambda m: f"<!-- example: {m[1]} -->\n{EXAMPLES[m[1]]()}<!-- end of example -->", text)
        if fresh != text:
            page.write_text(fresh, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
