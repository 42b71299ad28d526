def softmax(x, dim):
    x = x.transpose(dim, -1)
    y = (x - x.detach().max(-1).values.unsqueeze(-1)).exp()
    return (y / y.sum(-1).unsqueeze(-1)).transpose(dim, -1)
