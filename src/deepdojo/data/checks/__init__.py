"""The parts of `dojo check`, one question a file: labels, inputs, columns, groups, near, readable, shift.

Each takes a `Look` and gives problems.

Adding a check is one function here and one line in `deepdojo.data.check`.
"""
