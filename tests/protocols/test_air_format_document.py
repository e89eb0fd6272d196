"""docs/air-format.md and its pages: every example and figure between marks is what the program makes, and opens elsewhere too."""

import json
import re
import zlib
from hashlib import shake_128

import pytest

from protocols.fragment.block import BLOCK_HEAD_BYTES
from protocols.fragment.cauchy import K_MAX
from protocols.fragment.errors import FragmentError
from protocols.fragment.fragment import BLOCK_BYTES_MAX, HEADER_BYTES
from protocols.fragment.split import choose_split
from tests.protocols import air_examples
from tests.protocols.record import independent as records

OVERVIEW = air_examples.ROOT / "docs/air-format.md"
FRAGMENTS = air_examples.ROOT / "docs/air-format/fragments.md"
FRAME_BYTES = 78 - 7
"""Room for a fragment in a Beidou message of level 3, behind a record's own bytes."""
LARGEST = K_MAX * (FRAME_BYTES - HEADER_BYTES) - BLOCK_HEAD_BYTES
IN_PAGES = {name: text for page in air_examples.PAGES for name, text in air_examples.written(page).items()}


def cells(text):
    """Return the first two cells of each row of a table as a dictionary, without their quotes."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines()[2:]]
    return {row[0]: row[1].strip("`") for row in rows}


@pytest.mark.parametrize("name", air_examples.EXAMPLES)
def test_example_is_what_the_program_makes(name):
    """When the format was meant to change: .venv/bin/python -m tests.protocols.air_examples --write"""
    assert IN_PAGES[name] == air_examples.EXAMPLES[name]()


def test_pages_have_no_example_that_nobody_makes():
    assert set(IN_PAGES) == set(air_examples.EXAMPLES)


def test_the_position_opens_elsewhere():
    """The record and the hello of the overview open under the other implementation of records, to the same content."""
    shown = {re.sub(r", \d+ bytes$", "", name): value for name, value in cells(IN_PAGES["position-frames"]).items()}
    pair = records.pair_secret(bytes(range(32)), 0x0203, 0x0001)
    session = (0x0203, 0x0001, 0, 0x0D1E2F30, 1)

    record = records.open_record(records.first_chain(pair, 0x0203, 1), session, bytes.fromhex(shown["record"]))
    kind, plain = records.open_hello(records.hello_key(pair, 0x0203, 1), bytes.fromhex(shown["hello"]), 0x0203, 1)
    told = records.read_hello(plain)

    assert record == (1, bytes.fromhex(shown["content"]), False, None)
    assert (kind, told["counter"], told["content"]) == (0, 1, shown["content"])
    assert (told["model"], told["revision"]) == (1, 3)
    assert json.loads(IN_PAGES["position-json"].splitlines()[1]) == air_examples.POSITION


def times(left, right):
    """Return the product in GF(256) as the document defines it, bit by bit."""
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = left << 1 ^ (0x11D if left & 0x80 else 0)
        right >>= 1
    return product


def test_the_fragments_are_as_the_page_says():
    """Block, mask and symbols of the example follow from the page's words alone."""
    shown = cells(IN_PAGES["fragments"])
    content = bytes.fromhex(shown["content, 20 bytes"])
    size = -(-(len(content) + 5) // 3)
    zeros = 3 * size - 5 - len(content)
    check = zlib.crc32(content).to_bytes(4, "big")
    mask = shake_128(check).digest(len(content) + zeros)
    rest = bytes(one ^ other for one, other in zip(content + bytes(zeros), mask, strict=True))
    block = bytes([zeros]) + check + rest
    source = [block[at : at + size] for at in range(0, len(block), size)]
    inverse = {value: other for value in range(1, 256) for other in range(1, 256) if times(value, other) == 1}

    assert shown["block: zeros 2, check, masked rest"] == block.hex()
    for index in (3, 4, 255):
        made = [0] * size
        for column, symbol in enumerate(source):
            made = [old ^ times(inverse[index ^ column], byte) for old, byte in zip(made, symbol, strict=True)]
        assert shown[f"symbol {index}"] == bytes(made).hex()
    assert shown["fragment with symbol 3"] == bytes([5, 2, 3]).hex() + shown["symbol 3"]
    assert shown["fragment with symbols 0 and 1"] == bytes([0x85, 2, 0, 2]).hex() + block[: 2 * size].hex()


def test_the_largest_content_in_beidou_messages_is_as_the_page_says():
    """200 symbols in frames of 78 bytes, and the largest block."""
    page = FRAGMENTS.read_text(encoding="utf-8")

    assert f"{LARGEST:,} bytes" in page
    assert choose_split(LARGEST, [FRAME_BYTES]).k == K_MAX
    with pytest.raises(FragmentError):
        choose_split(LARGEST + 1, [FRAME_BYTES])
    assert f"1 to {BLOCK_BYTES_MAX - BLOCK_HEAD_BYTES:,} bytes" in page


@pytest.mark.parametrize("page", air_examples.PAGES, ids=lambda page: page.name)
def test_files_named_in_the_pages_exist(page):
    """A file or folder in quotes, with its folder, is there."""
    named = set(
        re.findall(
            r"`((?:protocols|gateway|tests|scripts|config|bench|docs|drivers)/[\w./*-]*)", page.read_text("utf-8")
        )
    )

    assert [name for name in sorted(named) if not (air_examples.ROOT / name).exists()] == []
