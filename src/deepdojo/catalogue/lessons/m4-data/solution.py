"""From raw pictures to training and validation rows. One line is wrong: shapes fit, it trains, and the score suffers.

N pictures, Y rows, X columns, C channels.
"""


def prepare_images(images, labels, order, n_train, mirrored):
    """Shuffle, split, scale, normalise, and mirror some of the training pictures.

    Args:
        images: (N, Y, X, C) of bytes, 0 to 255.
        labels: (N,).
        order: (N,) a permutation: row i of the shuffled data is picture order[i].
        n_train: the first n_train rows after shuffling are for training, the others for validation.
        mirrored: (N,) booleans, by place after shuffling: which training pictures are turned left to right.

    Returns:
        train_x (n_train, C, Y, X), train_y, valid_x, valid_y. Pictures are float64, divided by 255, then normalised by
        mean and standard deviation (biased) of each channel over the training pictures, before any is mirrored.
    """
    images, labels = images[order], labels[order]
    pictures = images.permute(0, 3, 1, 2).double() / 255
    seen = pictures[:n_train]
    mean = seen.mean((0, 2, 3), keepdim=True)
    std = seen.std((0, 2, 3), correction=0, keepdim=True)
    pictures = (pictures - mean) / std
    train_x, valid_x = pictures[:n_train].clone(), pictures[n_train:]
    turn = mirrored[:n_train]
    train_x[turn] = train_x[turn].flip(3)
    return train_x, labels[:n_train], valid_x, labels[n_train:]
