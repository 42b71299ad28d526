import torch


def linear_backward(inputs, weight, upstream):
    dw, db, rows = torch.zeros_like(weight), 0, []
    for row, slope in zip(inputs, upstream):
        dw = dw + torch.outer(slope, row)
        db = db + slope
        rows.append(weight.t().mv(slope))
    return [torch.stack(rows), dw, db]
