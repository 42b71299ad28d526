from math import tanh


class Value:
    """Closures for the slopes; a queue that counts how many users have reported (Kahn)."""

    def __init__(self, data):
        self.data, self.grad = data, 0.0
        self.inputs, self.push = [], lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data)
        out.inputs = [self, other]

        def push():
            self.grad += out.grad
            other.grad += out.grad

        out.push = push
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data)
        out.inputs = [self, other]

        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.push = push
        return out

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, n):
        out = Value(self.data**n)
        out.inputs = [self]

        def push():
            self.grad += n * out.data / self.data * out.grad if self.data else n * self.data ** (n - 1) * out.grad

        out.push = push
        return out

    def tanh(self):
        out = Value(tanh(self.data))
        out.inputs = [self]

        def push():
            self.grad += (1 - out.data**2) * out.grad

        out.push = push
        return out

    def backward(self):
        users, found, waiting = {id(self): 0}, [self], [self]
        while waiting:
            for each in waiting.pop().inputs:
                if id(each) not in users:
                    users[id(each)] = 0
                    found.append(each)
                    waiting.append(each)
                users[id(each)] += 1
        for each in found:
            each.grad = 0.0
        self.grad, ready = 1.0, [self]
        while ready:
            node = ready.pop()
            node.push()
            for each in node.inputs:
                users[id(each)] -= 1
                if users[id(each)] == 0:
                    ready.append(each)
