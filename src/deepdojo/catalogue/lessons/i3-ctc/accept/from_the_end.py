import functools

import torch


def ctc_loss(logits, targets, input_lengths, target_lengths, blank=0):
    """Recursion over (frame, place) from the end of each row, remembered."""
    logp = logits - logits.logsumexp(dim=-1, keepdim=True)

    def one(row, labels):
        sequence = [blank] + [i for label in labels for i in (label, blank)]

        @functools.cache
        def rest(t, s):
            """log of the sum over all ways to finish from place s at frame t, this frame included."""
            here = row[t, sequence[s]]
            if t + 1 == len(row):
                return here if s >= len(sequence) - 2 else None
            onward = [s, s + 1]
            if s + 2 < len(sequence) and sequence[s + 2] != blank and sequence[s + 2] != sequence[s]:
                onward.append(s + 2)
            found = [rest(t + 1, n) for n in onward if n < len(sequence)]
            found = [f for f in found if f is not None]
            return here + torch.logsumexp(torch.stack(found), 0) if found else None

        starts = [rest(0, s) for s in range(min(2, len(sequence)))]
        return -torch.logsumexp(torch.stack([s for s in starts if s is not None]), 0)

    rows = zip(logp, targets.tolist(), input_lengths.tolist(), target_lengths.tolist())
    return torch.stack([one(row[:frames], labels[:count]) for row, labels, frames, count in rows])
