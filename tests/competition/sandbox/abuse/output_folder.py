"""The output is a folder."""

import os

os.mkdir("/tmp/output/output")
