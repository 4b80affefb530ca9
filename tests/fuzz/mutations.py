"""Mutations of bytes: flips, cuts, repeats, digits, and pieces that parsers stumble over."""

import random

PIECES = (b"\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"9" * 5000, b"[" * 400, b'{"a":' * 400, b"-1", b"1e999",
          b"NaN", b"\\u0000", b"\xed\xa0\x80", b"\n", b'"', b"'", b"&a [*a]", b"*x", b"!!int ''", b"2024-13-45",
          b"../../x", b"x" * 5000, b"\xff\xfe", b",", b":", b"=cmd")  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one to four changes."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(result) + 1)
        end = min(len(result), at + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(6):
            case 0 if at < len(result):
                result[at] ^= 1 << rng.randrange(8)
            case 1:
                del result[at:end]
            case 2:
                result[at:at] = result[at:end] * rng.choice((1, 2, 50))
            case 3:
                result[at:at] = rng.choice(PIECES)
            case 4:
                result[at:end] = rng.randbytes(end - at)
            case _:
                result[at:end] = rng.choice(PIECES)
    return bytes(result)
