import torch


def train_accumulated(model, x, y, keep, batch_size, micro_size, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr)
    losses = []
    for rows in torch.arange(len(x)).split(batch_size):
        whole = keep[rows].sum().item()
        mean = 0.0
        for few in rows.split(micro_size):
            share = keep[few].sum().item() / whole
            loss = torch.nn.functional.mse_loss(model(x[few])[keep[few]], y[few][keep[few]])
            (share * loss).backward()
            mean += share * loss.item()
        losses.append(mean)
        optimizer.step()
        for p in model.parameters():
            p.grad = None
    return losses
