"""Puts characters into a terminal, opens devices and the kernel's settings."""

import errno
import fcntl
import pty

leader, follower = pty.openpty()
try:
    fcntl.ioctl(follower, 0x5412, b"x")
    print("PUSHED")
except OSError as error:
    print("refused", errno.errorcode[error.errno])
for path in ["/dev/vda", "/dev/sda", "/dev/kmsg", "/dev/kvm", "/dev/mem", "/dev/tty", "/proc/kcore"]:
    try:
        open(path, "rb").close()
        print("OPENED", path)
    except OSError as error:
        print(type(error).__name__, path)
try:
    open("/proc/sys/kernel/core_pattern", "w").close()
    print("OPENED core_pattern")
except OSError as error:
    print(type(error).__name__, "core_pattern")
