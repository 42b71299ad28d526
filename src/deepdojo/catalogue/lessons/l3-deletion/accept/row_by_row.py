import torch


def deletion_auc(f, x, attribution, baseline):
    areas = []
    for row, scores, blank in zip(x, attribution, baseline):
        row = row.clone()
        area, before = 0.0, f(row[None])[0]
        for i in sorted(range(len(row)), key=lambda i: -float(scores[i])):
            row[i] = blank[i]
            after = f(row[None])[0]
            area = area + (before + after) / 2
            before = after
        areas.append(area / len(row))
    return torch.stack(areas)
