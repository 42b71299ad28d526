"""A split and a preparation that let nothing of the test rows into training. N rows, D columns."""

import torch


def split_groups(groups, share, generator):
    """Draws whole groups for the test until they hold at least `share` of the rows.

    Args:
        groups: (N,) numbers; rows of one number belong together (a person, a document, a day).
        share: between 0 and 1; some group always stays for training.
        generator: a torch.Generator, the only source of chance.

    Returns:
        (N,) booleans, True = a test row.
    """
    # --- your code ---
    names = groups.unique()
    names = names[torch.randperm(len(names), generator=generator)]
    test = torch.zeros(len(groups), dtype=torch.bool)
    for name in names[:-1]:
        if test.sum() >= share * len(groups):
            break
        test |= groups == name
    return test
    # --- end ---


def prepare(x, y, test, k):
    """Fills gaps, scales, and keeps the k columns that tell most about y: all of it learned from training rows.

    1. A gap (NaN) becomes the mean of its column's known values in training rows.
    2. Each column: minus its training mean, divided by its training standard deviation (biased), gaps filled before.
    3. The k columns with the largest |correlation| with y in training rows stay, in their old order.

    Args:
        x: (N, D), some of it NaN; in training rows each column has known values that differ.
        y: (N,) what is to be predicted.
        test: (N,) booleans.
        k: how many columns stay.

    Returns:
        train (n, k), test (N − n, k), columns (k,): which of them stayed (int64, rising).
    """
    # --- your code ---
    seen = x[~test]
    x = torch.where(x.isnan(), seen.nanmean(0), x)
    seen = x[~test]
    x = (x - seen.mean(0)) / seen.std(0, correction=0)
    seen, target = x[~test], y[~test]
    strength = (seen * (target - target.mean())[:, None]).mean(0).abs()  # both are centred, seen has a spread of one
    columns = strength.topk(k).indices.sort().values
    return x[~test][:, columns], x[test][:, columns], columns
    # --- end ---
