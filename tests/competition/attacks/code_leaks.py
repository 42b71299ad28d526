"""Programs that try to carry the hidden inputs that they read to their sender, each by another way."""

from __future__ import annotations

HEAD = """
import os
import sys

import duckdb

rows = duckdb.sql(f"SELECT id, x FROM read_parquet('{sys.argv[1]}/test.parquet') ORDER BY id").fetchall()
hidden = f"{rows[0][0]}{rows[0][1]:.3f}"


def write(text):
    with open(sys.argv[2], "w") as file:
        file.write(text)


def forge(line):
    for number in os.listdir("/proc/1/fd"):
        if number not in "012":
            try:
                os.write(os.open(f"/proc/1/fd/{number}", os.O_WRONLY | os.O_NONBLOCK), line.encode())
            except OSError:
                pass
"""

WAYS = {
    "prints": "print(hidden); print(hidden, file=sys.stderr)",
    "raises": "raise ValueError(hidden)",
    "raises a name": "raise type('E' + hidden.replace('.', '').replace('-', ''), (Exception,), {})()",
    "forges a traceback": """
sys.exit(f'''Traceback (most recent call last):
  File "/code/{hidden}", line 1, in x
ValueError: {hidden}
ModuleNotFoundError: No module named '{hidden}'
{hidden}''')
""",
    "writes a label": "write('id,label\\n' + ''.join(f'{i},{hidden}\\n' for i, _ in rows))",
    "writes a label with quotes": """
write('id,label\\n' + ''.join(f"{i},it's {hidden} 'so' {hidden}\\n" for i, _ in rows))
""",
    "writes an id": "write(f'id,label\\n{hidden}y,zq7north\\n')",
    "writes an id twice": "write(f'id,label\\n{hidden},zq7north\\n{hidden},zq7north\\n')",
    "writes a column": "write(f'id,{hidden}\\nr1,zq7north\\n')",
    "writes no table": "write(hidden * 100)",
    "writes JSON that is none": "write('id,label,probabilities\\n' + f'r1,zq7north,\"{{{hidden}\"\\n')",
    "names a link": "os.symlink('/' + hidden, sys.argv[2])",
    "ends with a number": "os._exit(int(rows[0][1] * 1000))",
    "forges its end": "forge(f'1\\t7\\t{hidden}\\n'); sys.exit(1)",
    "forges a large number": "forge(f'{int(rows[0][1] * 1e9)}\\t{10**40}\\t\\n'); sys.exit(1)",
}
