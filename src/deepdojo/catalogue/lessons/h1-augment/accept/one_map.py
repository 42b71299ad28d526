import torch


def flip_crop(picture, boxes, labels, size, gen):
    """One map for both: columns and rows are picked by index, and corners go the same way."""
    (_, rows, columns), (h, w) = picture.shape, size
    flip, down, right = torch.rand(3, generator=gen, dtype=torch.float64).tolist()
    top, left = int(down * (rows - h + 1)), int(right * (columns - w + 1))
    order = torch.arange(left, left + w)
    sign, shift = 1, -left
    if flip >= 0.5:
        order, sign, shift = columns - 1 - order, -1, columns - left
    picture = picture.index_select(1, torch.arange(top, top + h)).index_select(2, order)
    across = (sign * boxes[:, 0::2] + shift).sort(1).values.clamp(0, w)
    down = (boxes[:, 1::2] - top).clamp(0, h)
    moved = torch.stack([across, down], -1).flatten(1)
    kept = [i for i, (x1, y1, x2, y2) in enumerate(moved.tolist()) if x2 > x1 and y2 > y1]
    return picture, moved[kept], labels[kept]
