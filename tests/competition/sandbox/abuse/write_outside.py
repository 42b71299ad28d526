"""Writes wherever it may not."""

import sys

for path in ["/usr/x", "/x", "/etc/x", "/dev/x", "/proc/sys/kernel/hostname", sys.argv[3] + "/x", sys.prefix + "/x"]:
    try:
        with open(path, "w") as file:
            file.write("x")
        print("WROTE", path)
    except OSError as error:
        print(type(error).__name__, path)
