"""The output is a link to something else."""

import os
import sys

os.symlink(sys.argv[2], "/tmp/output/output")
