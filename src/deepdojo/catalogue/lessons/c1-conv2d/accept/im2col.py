import torch


def conv2d(images, kernels, bias, stride=1, padding=0):
    b, c, height, width = images.shape
    o, _, h, w = kernels.shape
    padded = images.new_zeros(b, c, height + 2 * padding, width + 2 * padding)
    padded[:, :, padding : padding + height, padding : padding + width] = images
    patches = padded.unfold(2, h, stride).unfold(3, w, stride)
    rows, columns = patches.shape[2:4]
    flat = patches.permute(0, 2, 3, 1, 4, 5).reshape(b * rows * columns, c * h * w)
    out = torch.addmm(bias, flat, kernels.reshape(o, -1).t())
    return out.view(b, rows, columns, o).permute(0, 3, 1, 2).contiguous()
