import torch


def prepare_images(images, labels, order, n_train, mirrored):
    def channels_first(picture):
        return torch.stack([picture[:, :, c] for c in range(picture.shape[-1])]).to(torch.float64) / 255.0

    rows = [channels_first(images[i]) for i in order.tolist()]
    train = torch.stack(rows[:n_train])
    flat = train.transpose(0, 1).reshape(train.shape[1], -1)
    centre = flat.mean(1)[:, None, None]
    spread = ((flat - flat.mean(1, keepdim=True)) ** 2).mean(1).sqrt()[:, None, None]
    out = []
    for place, row in enumerate(rows):
        row = (row - centre) / spread
        if place < n_train and bool(mirrored[place]):
            row = row[..., torch.arange(row.shape[-1] - 1, -1, -1)]
        out.append(row)
    names = torch.tensor([int(labels[i]) for i in order], dtype=labels.dtype)
    empty = train.new_zeros(0, *train.shape[1:])
    valid = torch.stack(out[n_train:]) if n_train < len(out) else empty
    return torch.stack(out[:n_train]), names[:n_train], valid, names[n_train:]
