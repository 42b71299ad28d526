import torch


def shares(box, others):
    wide = (others[:, 2].clamp(max=box[2]) - others[:, 0].clamp(min=box[0])).clamp(min=0)
    high = (others[:, 3].clamp(max=box[3]) - others[:, 1].clamp(min=box[1])).clamp(min=0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return wide * high / (areas + (box[2] - box[0]) * (box[3] - box[1]) - wide * high)


def nms(boxes, scores, threshold):
    left = torch.sort(scores, descending=True).indices
    kept = []
    while left.numel():
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[shares(boxes[best], boxes[left]) <= threshold]
    return torch.stack(kept) if kept else left
