"""A file of a tebibyte that holds nothing."""

import errno

try:
    with open("/tmp/sparse", "wb") as file:
        file.truncate(1 << 40)
    print("MADE it")
except OSError as error:
    print(errno.errorcode[error.errno])
