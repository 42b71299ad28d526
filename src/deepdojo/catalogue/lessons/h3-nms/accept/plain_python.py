def overlap(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def nms(boxes, scores, iou_threshold):
    corners, kept = boxes.tolist(), []
    for i in sorted(range(len(scores)), key=scores.tolist().__getitem__, reverse=True):
        if all(overlap(corners[i], corners[k]) <= iou_threshold for k in kept):
            kept.append(i)
    return kept
