"""A range coder on whole numbers: symbols with known frequencies to the fewest bits, the same on every machine.

The method is arithmetic coding with 32-bit limits and deferred carries (Witten, Neal and Cleary, "Arithmetic coding for
data compression", CACM 30(6), 1987). The end costs no length: trailing zero bits are dropped, and a
reader sees zeros behind the last byte.
"""

from __future__ import annotations

from protocols.content.errors import ContentError

WIDTH = 32
TOP = (1 << WIDTH) - 1
HALF = 1 << (WIDTH - 1)
QUARTER = 1 << (WIDTH - 2)
THREE_QUARTERS = HALF + QUARTER

TOTAL_MAX = 1 << 24
"""Largest sum of frequencies of one step: the interval never falls below QUARTER, so every symbol keeps room in it."""

UNIFORM_STEP = 1 << 16
"""Wider uniform values are coded in steps of this size, low part first."""

DROPPED_BITS_MAX = 64
"""Most zero bits that are left away at the end."""

READ_BITS_BEYOND_MAX = WIDTH + DROPPED_BITS_MAX + 8
"""Zeros a reader may take behind the end; whoever wants more reads bytes that are no content of ours."""


class RangeEncoder:
    """Takes symbols, gives bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._high = TOP
        self._pending = 0
        self._bits: list[int] = []

    def _emit(self, bit: int) -> None:
        self._bits.append(bit)
        if self._pending:
            self._bits.extend([1 - bit] * self._pending)
            self._pending = 0

    def put(self, cumulative: int, frequency: int, total: int) -> None:
        """Code one symbol: ``frequency`` of ``total``, with ``cumulative`` before it."""
        assert 0 < frequency <= total - cumulative <= TOTAL_MAX, (cumulative, frequency, total)
        span = self._high - self._low + 1
        self._high = self._low + span * (cumulative + frequency) // total - 1
        self._low = self._low + span * cumulative // total
        while True:
            if self._high < HALF:
                self._emit(0)
            elif self._low >= HALF:
                self._emit(1)
                self._low -= HALF
                self._high -= HALF
            elif self._low >= QUARTER and self._high < THREE_QUARTERS:
                self._pending += 1
                self._low -= QUARTER
                self._high -= QUARTER
            else:
                return
            self._low <<= 1
            self._high = (self._high << 1) | 1

    def uniform(self, value: int, count: int) -> None:
        """Code one of ``count`` equally likely values."""
        assert 0 <= value < count, (value, count)
        while count > UNIFORM_STEP:
            self.put(value % UNIFORM_STEP, 1, UNIFORM_STEP)
            value //= UNIFORM_STEP
            count = -(-count // UNIFORM_STEP)
        if count > 1:
            self.put(value, 1, count)

    def finish(self) -> bytes:
        """Return the shortest bytes that read back; nothing may be coded afterwards."""
        if self._low > 0 or self._pending:
            self._emit_tail()
        whole = len(self._bits)
        while self._bits and self._bits[-1] == 0 and whole - len(self._bits) < DROPPED_BITS_MAX:
            self._bits.pop()
        length = (len(self._bits) + 7) // 8
        number = int("".join(map(str, self._bits)) or "0", 2)
        return (number << (length * 8 - len(self._bits))).to_bytes(length, "big")

    def _emit_tail(self) -> None:
        """Emit the fewest bits that, followed by zeros, lie inside the interval."""
        for count in range(1, WIDTH + 1):
            step = 1 << (WIDTH - count)
            value = -(-self._low // step) * step
            if value <= self._high:
                for place in range(WIDTH - 1, WIDTH - 1 - count, -1):
                    self._emit(value >> place & 1)
                return
        raise AssertionError("the interval holds at least one 32-bit number")


class RangeDecoder:
    """Takes bytes, gives symbols back in the order they were put."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "big")
        self._length = len(data) * 8
        self._place = 0
        self._low = 0
        self._high = TOP
        self._code = 0
        for _ in range(WIDTH):
            self._code = (self._code << 1) | self._next()

    def _next(self) -> int:
        self._place += 1
        if self._place <= self._length:
            return (self._number >> (self._length - self._place)) & 1
        if self._place > self._length + READ_BITS_BEYOND_MAX:
            raise ContentError(f"content: {self._length // 8} bytes do not end where a message ends; drop them")
        return 0

    def target(self, total: int) -> int:
        """Return a number below ``total`` that lies in the next symbol's share."""
        return ((self._code - self._low + 1) * total - 1) // (self._high - self._low + 1)

    def take(self, cumulative: int, frequency: int, total: int) -> None:
        """Step over the symbol that `target` fell into."""
        span = self._high - self._low + 1
        self._high = self._low + span * (cumulative + frequency) // total - 1
        self._low = self._low + span * cumulative // total
        while True:
            if self._high < HALF:
                pass
            elif self._low >= HALF:
                self._low -= HALF
                self._high -= HALF
                self._code -= HALF
            elif self._low >= QUARTER and self._high < THREE_QUARTERS:
                self._low -= QUARTER
                self._high -= QUARTER
                self._code -= QUARTER
            else:
                return
            self._low <<= 1
            self._high = (self._high << 1) | 1
            self._code = (self._code << 1) | self._next()

    def uniform(self, count: int) -> int:
        """Read one of ``count`` equally likely values; raise ContentError for one outside."""
        steps = []
        left = count
        while left > UNIFORM_STEP:
            steps.append(UNIFORM_STEP)
            left = -(-left // UNIFORM_STEP)
        if left > 1:
            steps.append(left)
        value, weight = 0, 1
        for step in steps:
            part = self.target(step)
            self.take(part, 1, step)
            value += part * weight
            weight *= step
        if value >= count:
            raise ContentError(f"content: a value of {value} where there are {count}; the bytes are none of ours")
        return value
