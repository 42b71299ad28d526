"""Asks for more than there is at once."""

try:
    bytearray(1 << 40)
    print("GOT it")
except MemoryError:
    print("refused")
