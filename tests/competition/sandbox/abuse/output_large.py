"""The output is larger than it may be."""

with open("/tmp/output/output", "wb") as file:
    file.write(bytes(5_000_000))
