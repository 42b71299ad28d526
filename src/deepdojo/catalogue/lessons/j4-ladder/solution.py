"""A leaderboard that answers only when it is news: the Ladder without parameters (Blum and Hardt 2015). n rows."""


class Ladder:
    """One board. It shows the best score so far, and moves only for an improvement beyond chance."""

    def __init__(self):
        # --- your code ---
        self.shown = float("inf")
        self.losses = None
        # --- end ---

    def submit(self, losses):
        """What the board shows after a submission.

        The first submission is always shown. A later one is shown if its mean lies below the number shown so far
        by more than s / √n, where s is the standard deviation of its losses minus those of the best, row by row.

        Args:
            losses: (n,) float, the loss of each row of the hidden test; lower is better.

        Returns:
            a float: the mean loss of the best submission, rounded to the nearest multiple of 1/n.
        """
        # --- your code ---
        n, mean = len(losses), float(losses.mean())
        if self.losses is None:
            bound = 0.0
        else:
            s = float((losses - self.losses).std())
            bound = s / n**0.5
        if mean < self.shown - bound:
            self.shown = round(mean * n) / n
            self.losses = losses
        return self.shown
        # --- end ---
