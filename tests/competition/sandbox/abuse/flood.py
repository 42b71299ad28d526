"""Prints without an end."""

import os

while True:
    os.write(1, b"flood " * 8192)
