"""Two million empty files: a disk's size does not count them."""

for number in range(2_000_000):
    open(f"/tmp/{number}", "w").close()
print("MADE all")
