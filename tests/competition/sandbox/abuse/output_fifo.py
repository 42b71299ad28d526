"""The output is a pipe that nobody writes to."""

import os

os.mkfifo("/tmp/output/output")
