"""Fills the disk, then says how much went on it."""

import errno

written = 0
try:
    for number in range(1000):
        with open(f"/tmp/{number}", "wb") as file:
            file.write(bytes(1 << 20))
        written += 1
    print("WROTE all")
except OSError as error:
    print(errno.errorcode[error.errno], written, flush=True)
