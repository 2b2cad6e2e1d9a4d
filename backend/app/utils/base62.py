"""Bytes as digits and letters only: a double click selects the whole of it."""

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def encode(raw: bytes, length: int) -> str:
    """The text of some bytes, always of the same length."""
    value, letters = int.from_bytes(raw, "big"), []
    for _ in range(length):
        value, rest = divmod(value, len(ALPHABET))
        letters.append(ALPHABET[rest])
    return "".join(reversed(letters))


def decode(text: str, size: int) -> bytes:
    """The bytes of a text.

    Raises:
        ValueError: It stands for none of that size.
    """
    value = 0
    for letter in text:
        value = value * len(ALPHABET) + ALPHABET.index(letter)
    if value >> 8 * size:
        raise ValueError("Too large.")
    return value.to_bytes(size, "big")
