import torch


def box_iou(a, b):
    rows = []
    for p in a.unbind():
        wide = (torch.min(p[2], b[:, 2]) - torch.max(p[0], b[:, 0])).clamp(min=0)
        high = (torch.min(p[3], b[:, 3]) - torch.max(p[1], b[:, 1])).clamp(min=0)
        joint = (p[2] - p[0]) * (p[3] - p[1]) + (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) - wide * high
        rows.append((wide * high) / (joint + (joint <= 0)))
    return torch.stack(rows) if rows else a.new_zeros(0, len(b))
