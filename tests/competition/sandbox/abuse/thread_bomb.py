"""Starts threads without an end."""

import threading
import time

made = 0
try:
    for _ in range(2000):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        made += 1
    print("STARTED all")
except RuntimeError:
    print("refused after", made)
