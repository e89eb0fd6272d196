"""Contents again, read as docs/air-format/content.md and receipts.md say.

It checks the document and the program by each other, so it imports nothing of `protocols`. It reads only, with the plainest
code there is, and asserts where the document says refused.
"""

import json
import lzma
import re
from datetime import UTC, datetime, timedelta
from functools import cached_property

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SINCE_S = 1_577_836_800


class Coder:
    """Reading: the limits, the code, and zeros behind the end."""

    def __init__(self, data):
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.place, self.low, self.high, self.code = 0, 0, (1 << 32) - 1, 0
        for _ in range(32):
            self.code = 2 * self.code + self.bit()

    def bit(self):
        self.place += 1
        assert self.place <= len(self.bits) + 104
        return int(self.bits[self.place - 1]) if self.place <= len(self.bits) else 0

    def value(self, frequencies):
        total, span = sum(frequencies), self.high - self.low + 1
        target = ((self.code - self.low + 1) * total - 1) // span
        value = before = 0
        while before + frequencies[value] <= target:
            before += frequencies[value]
            value += 1
        self.high = self.low + span * (before + frequencies[value]) // total - 1
        self.low += span * before // total
        while True:
            if self.high < 1 << 31:
                less = 0
            elif self.low >= 1 << 31:
                less = 1 << 31
            elif self.low >= 1 << 30 and self.high < 3 << 30:
                less = 1 << 30
            else:
                return value
            self.low, self.high = 2 * (self.low - less), 2 * (self.high - less) + 1
            self.code = 2 * (self.code - less) + self.bit()

    def evenly(self, count):
        value, weight, left = 0, 1, count
        while left > 1:
            step = min(left, 65536)
            value += weight * self.one_of(step)
            weight *= step
            left = -(-left // 65536) if left > 65536 else 1
        assert value < count
        return value

    def one_of(self, count):
        """Read one of equally likely values without a list of them."""
        target = ((self.code - self.low + 1) * count - 1) // (self.high - self.low + 1)
        assert self.value([target, 1, count - target - 1]) == 1
        return target


class Model:
    """The model file, or none."""

    def __init__(self, data=None):
        self.head, self.rows = {"frequencies": {}}, None
        if data is not None:
            magic, head, rows = lzma.decompress(data).decode().split("\3", 2)
            assert magic == "yizhan content model"
            self.head = json.loads(head)
            self.rows = {}
            for row in rows.split("\2"):
                context, _, followers = row.partition("\1")
                self.rows[context] = {followers[at]: ord(followers[at + 1]) - 32 for at in range(0, len(followers), 2)}

    def frequencies(self, name, count):
        known = self.head["frequencies"].get(name, [])
        return known if len(known) == count else [1] * count

    def teach(self, words):
        """Count words into the contexts, which begin with what the model has."""
        for word in words:
            signs = "".join("0" if sign in "0123456789" else sign for sign in word)
            for place, follower in enumerate(signs):
                for length in range(min(3, place), -1, -1):
                    counts = self.rows.setdefault(signs[place - length : place], {})
                    known = follower in counts
                    counts[follower] = counts.get(follower, 0) + 2
                    if counts[follower] > 255:
                        counts.update({one: max(1, count // 2) for one, count in counts.items()})
                    if known:
                        break

    @cached_property
    def rare(self):
        """Return the three lists of characters that the empty context does not know."""
        ascii_ = [chr(code) for code in (9, 10, 13, *range(0x20, 0x7F))]
        lists = (ascii_, gb2312(range(16, 56)), gb2312([*range(1, 10), *range(56, 88)]))
        return [[character for character in characters if character not in self.rows[""]] for characters in lists]


def gb2312(rows):
    found = []
    for row in rows:
        for cell in range(1, 95):
            try:
                found.append(bytes((0xA0 + row, 0xA0 + cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return found


class Reader:
    """Reads one content. ``world`` is a list of operations as dictionaries; ``ends`` source, destination, counter."""

    def __init__(self, data, model, world, ends):
        self.coder, self.model, self.world, self.ends = Coder(data), model, world, ends
        self.earlier_s = None

    # Symbols, numbers, texts

    def symbol(self, name, count):
        return self.coder.value(self.model.frequencies(name, count))

    def number(self, name, bits):
        step = self.symbol(name, 2 * bits)
        if step < 2:
            return step
        width = 2 ** (step // 2 - 1)
        return (2 + step % 2) * width + self.coder.evenly(width)

    def raw(self):
        length = self.number("raw.length", 14)
        assert length <= 16_000
        return bytes(self.coder.evenly(256) for _ in range(length))

    def text(self):
        form = self.symbol("text.form", 3)
        if form == 0:
            return self.modelled()
        return self.raw().decode("gb18030") if form == 1 else self.raw().decode("utf-8", "surrogatepass")

    def modelled(self):
        history, out = "\0", ""
        while len(out) < 4000:
            character = self.character(history)
            if character == "\0":
                break
            history = (history + character)[-3:]
            out += str(self.coder.evenly(10)) if character == "0" else character
        return out

    def character(self, history):
        left_out = set()
        for length in range(len(history), -1, -1):
            known = self.model.rows.get(history[len(history) - length :])
            if known is None:
                continue
            rest = [(one, count) for one, count in sorted(known.items()) if one not in left_out]
            if not rest:
                continue
            seen = sum(count for _, count in rest)
            cell = min(len(rest), 15) * 16 + min(step_of(seen), 15)
            escape = self.model.head["escapes"][length][cell]
            if self.coder.value([escape, 4096 - escape]):
                return rest[self.coder.value([count for _, count in rest])][0]
            left_out |= set(known)
        which = self.coder.value([3, 24, 6, 1])
        if which == 3:
            return chr(self.coder.evenly(1_114_112))
        characters = self.model.rare[which]
        return characters[self.coder.evenly(len(characters))]

    # Contents

    def content(self):
        """Return the receipt, or None, and the messages."""
        parts = self.symbol("parts", 5)
        receipt = self.receipt() if parts in {1, 2} else None
        messages = []
        for _ in range(self.number("batch.count", 6) if parts == 3 else parts in {0, 2}):
            messages.append(self.message())
            self.earlier_s = self.moment_s if parts == 3 else None
        return receipt, messages

    def receipt(self):
        said = {"highest": None}
        if self.symbol("receipt.cumulative", 2):
            said["session"], said["highest"] = self.coder.evenly(65536), self.coder.evenly(65536)
            said["run"] = self.number("receipt.run", 13)
            bits = self.symbol("receipt.bitmap", 33)
            said["bitmap"] = (1 << bits - 1) + self.coder.evenly(1 << bits - 1) if bits else 0
        said["needs"] = [
            (self.coder.evenly(256), self.number("receipt.need", 8)) for _ in range(self.number("receipt.needs", 4))
        ]
        said["levels"] = [
            (self.coder.evenly(65536), self.symbol("receipt.level", 5)) for _ in range(self.number("receipt.levels", 6))
        ]
        said["group"] = [
            tuple(self.coder.evenly(count) for count in (65536, 256, 256))
            for _ in range(self.number("receipt.group", 7))
        ]
        return said

    def usual(self):
        heads = [one["headquarters"] for one in self.world]
        for end in sorted(self.ends[:2], key=lambda end: end in heads):
            for number, one in enumerate(self.world):
                if end in one["stations"]:
                    return number
            if end in heads:
                return heads.index(end)
        return 0

    def message(self):
        number = self.symbol("type", 12)
        name, slots = ("other", []) if number == 11 else SCHEMA[number]
        message = {"type": name}
        if number == 11:
            told = self.text()
            message = {"type": json.loads(told)} if told else {}
        chosen = self.coder.evenly(len(self.world)) if self.symbol("operation.other", 2) else self.usual()
        self.operation = self.world[chosen] if self.world else None
        self.said, self.moment_s = message, None
        alike = "any" if self.earlier_s is None else "next"
        self.slot(f"{alike}.ts", "ts", self.moment)
        self.moment_s = seconds(message.get("ts"))
        if self.moment_s is None:
            self.moment_s = self.since_s()
        self.slot(f"{alike}.src", "src", self.station)
        self.slot(f"{name}.dst", "dst", self.station)
        self.slot(f"{name}.prio", "prio", lambda full: self.symbol(full, 4))
        self.slot(f"{alike}.id", "id", lambda full: self.message_id(full, own=True))
        for field, kind in slots:
            self.slot(f"{name}.{field}", field, lambda full, kind=kind: self.kind(kind, full))
        for _ in range(self.number("extra.count", 6)):
            field = self.text()
            message[field] = json.loads(self.text())
        return message

    def slot(self, full, field, read):
        stands = self.symbol(f"{full}.stands", 3)
        if stands != 1:
            self.said[field] = read(full) if stands == 0 else json.loads(self.text())

    # Kinds, as the schema's table writes them

    def kind(self, kind, full):
        """Read a value of a kind that the table writes as a word, figures and what it depends on."""
        word, _, rest = kind.partition(" ")
        figures = [int(one) for one in re.findall(r"\d+", rest)]
        given = re.search(r"given (\w+)", rest)
        value = self.said.get(given[1]) if given else None
        by_word = f"{full}.{value}" if isinstance(value, str) else full
        readers = {
            "Number": lambda: self.number(full, figures[0]),
            "Signed": lambda: (-1 if self.symbol(f"{full}.sign", 2) else 1) * self.number(full, figures[0]),
            "Round": lambda: self.round(full, figures[0]),
            "Binned": lambda: self.binned(f"{full}.{int(bool(value))}" if given else full, *figures[:2]),
            "Choice": lambda: self.choice(by_word, rest.rpartition(": ")[2] or rest),
            "Decimal": lambda: self.decimal(by_word, figures[0]),
            "Place": lambda: self.place(full, rest),
            "Until": lambda: self.until(full),
            "MessageId": lambda: self.message_id(full),
            "Coded": lambda: self.coded(full, *re.fullmatch(r'"(\w*)" (.*)', rest).groups()),
            "Expected": lambda: self.expected(full, rest),
            "Text": self.text,
            "Hex": lambda: self.raw().hex(),
            "Many": lambda: self.many(full, figures[0], rest.partition(": ")[2]),
            "Group": lambda: self.there(full, [one.partition(": ")[::2] for one in rest.split("; ")]),
        }
        return readers[word.rstrip(":,")]()

    def round(self, full, bits):
        zeros = self.symbol(f"{full}.zeros", 4)
        return self.number(f"{full}.{zeros}", bits) * 10**zeros

    def binned(self, full, width, bins):
        found = self.symbol(full, bins + 1)
        return (found - 1) * width + self.coder.evenly(width) if found else 0

    def choice(self, full, listed):
        words = re.findall(r"\d+ (\S+)", listed)
        found = self.symbol(full, len(words) + 1)
        return words[found] if found < len(words) else self.text()

    def many(self, full, most, listed):
        members = [one.partition(": ")[::2] for one in listed.split("; ")]
        count = self.number(f"{full}.count", most.bit_length())
        return [{name: self.kind(one, f"{full}.{name}") for name, one in members} for _ in range(count)]

    def there(self, full, members):
        return {
            name: self.kind(one, f"{full}.{name}") for name, one in members if self.symbol(f"{full}.{name}.there", 2)
        }

    def decimal(self, full, bits):
        form = self.symbol(f"{full}.form", 7)
        sign = -1 if self.symbol(f"{full}.sign", 2) else 1
        figure = sign * self.number(full, bits)
        return figure if form == 0 else figure / 10 ** (form - 1)

    def place(self, full, rest):
        form = self.symbol(f"{full}.places", 6)
        places = (5, 2, 4, 3, 1, 0)[form]
        unit, found = 10 ** (5 - places), {}
        for axis in ("lat", "lon"):
            step = self.symbol(f"{full}.{form}.offset", 52)
            size = step if step < 2 else (2 + step % 2) * 2 ** (step // 2 - 1)
            offset = size + self.coder.evenly(1 if step < 2 else 2 ** (step // 2 - 1))
            if offset and self.coder.evenly(2):
                offset = -offset
            centre = round(self.operation[axis] * 10**5) if self.operation else 0
            found[axis] = (offset + (centre + unit // 2) // unit) / 10**places
        return found | self.there(full, re.findall(r"(\w+) \(([^)]*)\)", rest))

    def since_s(self):
        if self.earlier_s is not None:
            return self.earlier_s
        return self.operation["since_s"] if self.operation else SINCE_S

    def moment(self, full):
        sign = -1 if self.symbol(f"{full}.before", 2) else 1
        return moment_text(self.since_s() + sign * self.number(full, 39))

    def until(self, full):
        form = self.symbol(f"{full}.form", 4)
        steps = self.number(f"{full}.{form}", 39)
        begin_s = self.moment_s - self.moment_s % 60 if form in {0, 2} else self.moment_s
        return moment_text(begin_s + steps * (1800, 3600, 60, 1)[form])

    def station(self, full):
        form = self.symbol(f"{full}.who", 7)
        match form:
            case 0 | 1:
                return self.ends[form]
            case 2:
                return self.operation["headquarters"]
            case 3:
                return "ALL"
            case 4:
                return self.operation["stations"][self.coder.evenly(len(self.operation["stations"]))]
            case 5:
                names = [name for one in self.world for name in (*one["stations"], one["headquarters"]) if name]
                registry = list(dict.fromkeys(names))
                return registry[self.coder.evenly(len(registry))]
        return self.text()

    def message_id(self, full, *, own=False):
        form = self.symbol(f"{full}.form", 3)
        if form == 2:
            return self.text()
        who = self.said.get("src") if own else self.station(full)
        return f"{who}-{self.number(full, 60) if form == 1 else self.ends[2]}"

    def coded(self, full, prefix, groups):
        form = self.symbol(f"{full}.form", 4)
        area = self.operation["area"] if self.operation else ""
        if form == 3:
            return self.text()
        if form == 2:
            return prefix + area
        found = prefix + (area if form == 0 else "")
        for place, length in enumerate(map(int, groups.split(" + "))):
            width = 10**length // 50
            value = self.symbol(f"{full}.{place}", 50) * width
            found += f"{value + self.coder.evenly(width):0{length}}"
        return found

    def expected(self, full, what):
        form = self.symbol(f"{full}.form", 3)
        if form == 2:
            return self.text()
        end = "" if what == "area" else "41600000_" + re.sub(r"\D", "", moment_text(self.moment_s))
        begin = self.text() if form == 1 else self.operation["name" if what == "area" else "area"]
        return begin + end


def step_of(number):
    return number if number < 2 else 2 * (number.bit_length() - 1) + int(bin(number)[3])


def seconds(text):
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        return None
    return int((datetime.fromisoformat(text) - EPOCH).total_seconds())


def moment_text(moment_s):
    return (EPOCH + timedelta(seconds=moment_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


SCHEMA = []
"""Types with their slots; filled from the document's table by `take_schema`."""


def take_schema(rows):
    """Take the rows of the document's table: type, slot, kind."""
    SCHEMA.clear()
    for kind, slot, how in rows:
        if kind:
            number, _, name = kind.partition(" ")
            assert int(number) == len(SCHEMA)
            SCHEMA.append((name, []))
        SCHEMA[-1][1].append((slot, how))


def read(data, models, world, ends, agreed):
    """Return receipt and messages of a content; ``models`` by number."""
    form = Coder(data).value([60, 2, 2])
    first = Coder(data)
    first.value([60, 2, 2])
    number = first.evenly(65536) if form == 2 else agreed
    bare = bool(first.evenly(2)) if form == 2 else form == 1
    reader = Reader(data, models[number], [] if bare else world, ends)
    reader.coder.value([60, 2, 2])
    if form == 2:
        reader.coder.evenly(65536)
        reader.coder.evenly(2)
    return reader.content()
