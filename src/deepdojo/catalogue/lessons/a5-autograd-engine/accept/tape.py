import math


class Value:
    """Every number is written down when it is made; the list itself is the order."""

    count = 0

    def __init__(self, data, *edges):
        self.data, self.grad, self.edges = data, 0.0, edges
        Value.count += 1
        self.number = Value.count

    @staticmethod
    def of(x):
        return x if isinstance(x, Value) else Value(x)

    def __add__(self, other):
        other = Value.of(other)
        return Value(self.data + other.data, (self, 1), (other, 1))

    def __mul__(self, other):
        other = Value.of(other)
        return Value(self.data * other.data, (self, other.data), (other, self.data))

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, n):
        return Value(math.pow(self.data, n), (self, n * math.pow(self.data, n - 1)))

    def tanh(self):
        return Value(math.tanh(self.data), (self, 1 / math.cosh(self.data) ** 2))

    def backward(self):
        below, todo = {self.number: self}, [self]
        while todo:
            new = [v for v, _ in todo.pop().edges if v.number not in below]
            below.update((v.number, v) for v in new)
            todo += new
        for v in below.values():
            v.grad = 0.0
        self.grad = 1.0
        for number in sorted(below, reverse=True):
            for v, slope in below[number].edges:
                v.grad += slope * below[number].grad
