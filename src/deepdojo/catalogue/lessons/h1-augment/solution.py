"""A picture and the boxes on it, mirrored and cut together. C channels, Y rows, X columns, N boxes."""

import torch


def flip_crop(image, boxes, labels, size, gen):
    """Mirrors left to right with probability 1/2, then cuts a window at a place that is drawn, all places alike.

    Args:
        image: (C, Y, X).
        boxes: (N, 4) as x1, y1, x2, y2 in pixels; the whole picture is 0, 0, X, Y. N may be 0.
        labels: (N,), one for each box.
        size: (h, w), rows and columns of the window, at most Y and X.
        gen: a torch.Generator; all random numbers come from it.

    Returns:
        image (C, h, w); the boxes (M, 4) that still have an area in the window, cut at its edges, in their order and in
        the window's coordinates; their labels (M,).
    """
    # --- your code ---
    height, width = image.shape[1:]
    h, w = size
    if torch.rand((), generator=gen) < 0.5:
        image = image.flip(-1)
        x1, y1, x2, y2 = boxes.unbind(1)
        boxes = torch.stack([width - x2, y1, width - x1, y2], 1)
    top = int(torch.randint(height - h + 1, (), generator=gen))
    left = int(torch.randint(width - w + 1, (), generator=gen))
    image = image[:, top : top + h, left : left + w]
    boxes = boxes - boxes.new_tensor([left, top, left, top])
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([w, h, w, h]))
    seen = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return image, boxes[seen], labels[seen]
    # --- end ---
