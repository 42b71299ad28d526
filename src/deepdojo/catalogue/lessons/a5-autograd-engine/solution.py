"""Reverse-mode differentiation of scalars (Linnainmaa 1970): record, sort, walk back."""

import math


class Value:
    """A number that remembers how it was made.

    Attributes:
        data: the number.
        grad: after `backward` of some result, the derivative of that result with respect to this number; 0.0 before.

    `a + b` and `a * b` take a Value or a plain number on either side; `a ** n` takes a plain number n.
    """

    def __init__(self, data, parents=()):
        # --- your code ---
        self.data, self.grad = data, 0.0
        self.parents = parents  # pairs (operand, slope)
        # --- end ---

    def __add__(self, other):
        # --- your code ---
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))
        # --- end ---

    def __mul__(self, other):
        # --- your code ---
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))
        # --- end ---

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __pow__(self, n):
        # --- your code ---
        return Value(self.data**n, ((self, n * self.data ** (n - 1)),))
        # --- end ---

    def tanh(self):
        # --- your code ---
        t = math.tanh(self.data)
        return Value(t, ((self, 1 - t * t),))
        # --- end ---

    def backward(self):
        """Sets `grad` of this number to 1, and of every number that it was made of to the derivative.

        Gradients below are made anew: called a second time, it gives the same, not the double.
        """
        # --- your code ---
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, finished = stack.pop()
            if finished:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((parent, False) for parent, _ in node.parents)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
        # --- end ---
