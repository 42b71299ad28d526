"""The check of m4-data: four tensors, pixel by pixel."""

import torch

from deepdojo.grader import Check, case, mutant


def oracle(images, labels, order, n_train, mirrored):
    """One number after the other."""
    n, rows, columns, channels = images.shape
    plain = images.tolist()
    out = torch.zeros(n, channels, rows, columns, dtype=torch.float64)
    for c in range(channels):
        seen = [v / 255 for i in order[:n_train].tolist() for line in plain[i] for v in (pixel[c] for pixel in line)]
        mean = sum(seen) / len(seen)
        std = (sum((v - mean) ** 2 for v in seen) / len(seen)) ** 0.5
        for place, i in enumerate(order.tolist()):
            turn = place < n_train and bool(mirrored[place])
            for y in range(rows):
                for x in range(columns):
                    value = plain[i][y][columns - 1 - x if turn else x][c]
                    out[place, c, y, x] = (value / 255 - mean) / std
    names = torch.tensor([labels.tolist()[i] for i in order.tolist()])
    return out[:n_train], names[:n_train], out[n_train:], names[n_train:]


def run(name, n, n_train, **sizes):
    def pictures(d):
        shape = (d.size("N"), d.size("Y"), d.size("X"), d.size("C"))
        return torch.randint(0, 256, shape, generator=d.gen, dtype=torch.uint8)

    return case(
        name, sizes={"N": n, **sizes}, images=pictures, labels=lambda d: torch.randperm(d.size("N"), generator=d.gen),
        order=lambda d: torch.randperm(d.size("N"), generator=d.gen), n_train=n_train,
        mirrored=lambda d: torch.tensor([True, False] * n)[torch.randperm(2 * n, generator=d.gen)[:n]],
        float32=False,
    )  # fmt: skip


check = Check(
    oracle,
    outputs=("train_x", "train_y", "valid_x", "valid_y"),
    cases=[
        run("colour", 9, 6, C=3, Y=5, X=4),
        run("wide pictures", 8, 5, C=2, Y=2, X=7),
        run("all for training", 6, 6, C=3, Y=2, X=3),
        run("one channel", 7, 4, C=1, Y=3, X=5),
    ],
    gradient=False,
    mutants=[
        mutant(
            "labels_stay", "images, labels = images[order], labels[order]", "images = images[order]",
            en="the pictures are shuffled, the labels are not: each picture gets somebody else's label",
            zh="图像打乱了，标签没有：每张图配上了别人的标签",
        ),
        mutant(
            "shuffled_apart", "labels[order]\n", "labels[order.argsort()]\n",
            en="the labels are shuffled by the inverse order (argsort): pictures and labels part",
            zh="标签用的是逆排列（argsort）：图像与标签对不上了",
        ),
        mutant(
            "view_for_permute", "images.permute(0, 3, 1, 2)",
            "images.reshape(len(images), images.shape[3], images.shape[1], images.shape[2])",
            en="reshape is used where permute is meant: the shape is right, and every picture is cut to pieces",
            zh="该用 permute 的地方用了 reshape：形状对了，而每张图都被切碎了",
        ),
        mutant(
            "axes_swapped", "permute(0, 3, 1, 2)", "permute(0, 3, 2, 1)",
            en="rows and columns change places: pictures lie on their side",
            zh="行与列交换了：图像都躺倒了",
        ),
        mutant(
            "statistics_of_all", "seen = pictures[:n_train]", "seen = pictures",
            en="mean and standard deviation are taken over all pictures, the validation rows among them",
            zh="均值和标准差取自全部图像：验证行提前被看到了",
        ),
        mutant(
            "own_statistics", "train_x, valid_x = pictures[:n_train].clone(), pictures[n_train:]",
            "train_x, valid_x = pictures[:n_train].clone(), pictures[n_train:]\n"
            "    valid_x = (valid_x - valid_x.mean((0, 2, 3), keepdim=True)) / "
            "valid_x.std((0, 2, 3), correction=0, keepdim=True)",
            en="the validation pictures are normalised by their own statistics, not by those of the training pictures",
            zh="验证图像用的是自己的统计量，而不是训练图像的统计量",
        ),
        mutant(
            "one_mean_for_all", "seen.mean((0, 2, 3), keepdim=True)", "seen.mean()",
            en="one mean is taken over all channels; each channel has its own",
            zh="所有通道共用了一个均值；应当每个通道各有一个",
        ),
        mutant(
            "scaled_twice", "pictures = (pictures - mean) / std", "pictures = (pictures / 255 - mean) / std",
            en="the pixels are divided by 255 twice, mean and standard deviation only once: all pictures look black",
            zh="像素除了两次 255，而均值和标准差只除了一次：所有图像看上去都是黑的",
        ),
        mutant(
            "variance_for_std", "seen.std((0, 2, 3)", "seen.var((0, 2, 3)",
            en="the pictures are divided by the variance, not by the standard deviation",
            zh="除以了方差，而不是标准差",
        ),
        mutant(
            "upside_down", ".flip(3)", ".flip(2)",
            en="the pictures are turned upside down; mirrored means left to right, the last axis",
            zh="图像被上下翻转了；镜像是左右翻转，即最后一个轴",
        ),
        mutant(
            "validation_mirrored", "train_x, valid_x = pictures[:n_train].clone(), pictures[n_train:]",
            "train_x, valid_x = pictures[:n_train].clone(), pictures[n_train:].clone()\n"
            "    valid_x[mirrored[n_train:]] = valid_x[mirrored[n_train:]].flip(3)",
            en="validation pictures are mirrored as well; augmentation is for training rows alone",
            zh="验证图像也被镜像了；数据增广只用于训练行",
        ),
        mutant(
            "mirrored_by_picture", "turn = mirrored[:n_train]", "turn = mirrored[order][:n_train]",
            en="mirrored goes by place after shuffling; here it is shuffled along with the pictures",
            zh="mirrored 按打乱之后的位置来算；这里它跟着图像又打乱了一次",
        ),
    ],
)  # fmt: skip
