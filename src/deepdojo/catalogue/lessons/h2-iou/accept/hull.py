import torch


def box_iou(left, right):
    """A side of the overlap is both sides together minus the side of the hull."""
    sides, areas = [], []
    for i in (0, 1):
        wide_l, wide_r = left[:, i + 2] - left[:, i], right[:, i + 2] - right[:, i]
        hull = torch.max(left[:, None, i + 2], right[None, :, i + 2]) - torch.min(left[:, None, i], right[None, :, i])
        sides.append(torch.relu(wide_l[:, None] + wide_r - hull))
        areas.append((wide_l, wide_r))
    shared = sides[0] * sides[1]
    joint = (areas[0][0] * areas[1][0])[:, None] + areas[0][1] * areas[1][1] - shared
    return shared / joint.masked_fill(joint == 0, 1)
