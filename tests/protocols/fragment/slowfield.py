"""GF(256) and its linear algebra once more, slowly and by other means: no tables, no closed form, no code of ours."""


def times(a, b):
    """Multiply as Russian peasants do: double one factor, halve the other, reduce by the polynomial on overflow."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product


def inverse(a):
    """Return the inverse by trying them all."""
    return next(b for b in range(1, 256) if times(a, b) == 1)


def symbol(source, index):
    """Return symbol ``index`` of a block by the definition of a Cauchy row, byte by byte."""
    if index < len(source):
        return source[index]
    row = [inverse(index ^ column) for column in range(len(source))]
    made = bytearray(len(source[0]))
    for factor, one in zip(row, source, strict=True):
        for at, byte in enumerate(one):
            made[at] ^= times(factor, byte)
    return bytes(made)


def solve(k, symbols):
    """Return the source symbols from any k symbols by Gaussian elimination on the whole generator matrix."""
    rows = []
    for index, one in list(symbols.items())[:k]:
        unit = [int(column == index) for column in range(k)]
        factors = unit if index < k else [inverse(index ^ column) for column in range(k)]
        rows.append(factors + list(one))
    for column in range(k):
        pivot = next(at for at in range(column, k) if rows[at][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = inverse(rows[column][column])
        rows[column] = [times(scale, value) for value in rows[column]]
        for at in range(k):
            factor = rows[at][column]
            if at != column and factor:
                rows[at] = [value ^ times(factor, other) for value, other in zip(rows[at], rows[column], strict=True)]
    return tuple(bytes(row[k:]) for row in rows)
