"""A system call in the convention of 32-bit programs (x32), where a filter of numbers would see others."""

import ctypes

print("trying", flush=True)
print("ALLOWED", ctypes.CDLL(None).syscall(0x40000000 + 39))
