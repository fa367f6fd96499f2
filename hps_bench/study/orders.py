"""Orders of presentation in which positions are balanced."""

from __future__ import annotations

import numpy as np

Square = list[list[int]]


def williams_squares(size: int) -> list[Square]:
    """Latin squares balanced for what comes directly before what (Williams, 1949).

    Every treatment stands once in each row and each column, and over all squares every ordered
    pair of treatments stands next to each other equally often.

    Args:
        size: number of treatments.

    Returns:
        One square where ``size`` is even; where it is odd, the square and its mirror image.
        A row is one order of presentation.
    """
    first = [(k + 1) // 2 if k % 2 else (size - k // 2) % size for k in range(size)]
    square = [[(place + row) % size for place in first] for row in range(size)]
    return [square] if size % 2 == 0 else [square, [row[::-1] for row in square]]


def balanced_orders(
    raters: int, items: int, size: int, generator: np.random.Generator
) -> list[list[list[int]]]:
    """Order of the responses that each rater sees at each item.

    Items are drawn into blocks of ``size``. A block has its own relabelling of the policies and
    its own order of the raters, who take the rows of Williams squares in turn, one row further
    at each item of the block. So the number of raters who see a policy's response to an item at
    a position differs by at most 1 between positions, and so does the number of a rater's items
    at which a policy stands there, in each block.

    Args:
        raters: number of raters.
        items: number of items.
        size: responses of an item.
        generator: decides blocks, relabellings and rows.

    Returns:
        Policies (0 to ``size`` - 1) from top to bottom, by rater and item.
    """
    squares = williams_squares(size)
    orders: list[list[list[int]]] = [[[] for _ in range(items)] for _ in range(raters)]
    shuffled = generator.permutation(items)
    for start in range(0, items, size):
        label = generator.permutation(size)
        for rater, turn in enumerate(generator.permutation(raters)):
            square = squares[turn // size % len(squares)]
            for step, item in enumerate(shuffled[start : start + size]):
                row = square[(turn + step) % size]
                orders[rater][item] = [int(label[place]) for place in row]
    return orders
