import math


class Ladder:
    """Keeps all submissions and finds the best one anew; plain Python."""

    def __init__(self):
        self.rungs = []

    def submit(self, losses):
        rows = [float(v) for v in losses]
        n = len(rows)
        mean = sum(rows) / n
        if self.rungs:
            best, shown = self.rungs[-1]
            gaps = [b - a for a, b in zip(rows, best)]
            gain = sum(gaps) / n
            variance = sum((g - gain) ** 2 for g in gaps) / n
            news = shown - mean > math.sqrt(variance / n)
        else:
            news = True
        if news:
            self.rungs.append((rows, math.floor(mean * n + 0.5) / n))
        return self.rungs[-1][1]
