"""A yard to look at: bricks, windows, trees, a fence and paving, drawn from a seed and always the same for it."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# The yard is larger than a picture, so that a camera can be turned to another part of it.
WIDER, HIGHER = 1.5, 1.25


def draw_yard(width: int, height: int, seed: int) -> Image:
    """A yard for pictures of that size, blue-green-red, `WIDER` and `HIGHER` than they are."""
    dice = np.random.default_rng(seed)
    yard = np.zeros((round(height * HIGHER), round(width * WIDER), 3), np.uint8)
    _sky(yard)
    _ground(yard, dice)
    wide = yard.shape[1]
    _house(yard, round(wide * 0.04), round(wide * 0.36), dice)
    _house(yard, round(wide * 0.58), round(wide * 0.93), dice)
    for place in (0.42, 0.5, 0.97):
        _tree(yard, round(wide * (place + dice.uniform(-0.02, 0.02))), dice)
    _fence(yard, round(wide * 0.36), round(wide * 0.58))
    return yard


def _horizon(yard: Image) -> int:
    return int(yard.shape[0] * 0.68)


def _sky(yard: Image) -> None:
    top = np.linspace((200, 160, 120), (215, 200, 185), _horizon(yard))
    yard[: len(top)] = top.astype(np.uint8)[:, None]


def _ground(yard: Image, dice: np.random.Generator) -> None:
    """Paving stones: rows that grow towards the camera, each stone of a shade of its own."""
    y, height, width = _horizon(yard), *yard.shape[:2]
    row = max(3, height // 45)
    while y < height:
        stone = row * 3
        for x in range(-int(dice.integers(stone)), width, stone):
            shade = int(dice.integers(95, 140))
            cv2.rectangle(yard, (x, y), (x + stone - 2, y + row - 2), (shade, shade, shade), -1)
        y, row = y + row, round(row * 1.3) + 1


def _house(yard: Image, left: int, right: int, dice: np.random.Generator) -> None:
    bottom = _horizon(yard)
    top = round(yard.shape[0] * dice.uniform(0.16, 0.24))
    red = dice.uniform(0.85, 1.15)
    brick = max(3, yard.shape[0] // 60)
    for line, y in enumerate(range(top, bottom, brick)):
        for x in range(left - (line % 2) * brick, right, 2 * brick):
            shade = red * dice.uniform(0.8, 1.1)
            colour = (round(70 * shade), round(85 * shade), round(140 * shade))
            corner = (min(x + 2 * brick - 2, right), min(y + brick - 2, bottom))
            cv2.rectangle(yard, (max(x, left), y), corner, colour, -1)
    _windows(yard, (left, top, right, bottom))


def _windows(yard: Image, wall: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = wall
    wide, high = (right - left) // 9, (bottom - top) // 5
    for row in range(2):
        for column in range(4):
            x = left + wide // 2 + column * wide * 2 + wide // 4
            y = top + high // 2 + row * high * 2
            cv2.rectangle(yard, (x, y), (x + wide, y + round(high * 1.3)), (225, 230, 230), -1)
            cv2.rectangle(yard, (x + 2, y + 2), (x + wide - 2, y + round(high * 1.3) - 2), (95, 70, 50), -1)
            cv2.line(yard, (x + wide // 2, y), (x + wide // 2, y + round(high * 1.3)), (225, 230, 230), 1)


def _tree(yard: Image, x: int, dice: np.random.Generator) -> None:
    height, bottom = yard.shape[0], _horizon(yard)
    trunk = max(2, height // 50)
    cv2.rectangle(yard, (x - trunk, bottom - height // 5), (x + trunk, bottom + trunk), (45, 60, 80), -1)
    for _ in range(60):
        away = dice.normal(0, height / 22, 2)
        green = int(dice.integers(60, 130))
        centre = (round(x + away[0]), round(bottom - height / 4 + away[1]))
        cv2.circle(yard, centre, max(2, height // 45), (green // 3, green, green // 2), -1)


def _fence(yard: Image, left: int, right: int) -> None:
    height, bottom = yard.shape[0], _horizon(yard)
    top, bar = bottom - height // 7, max(2, height // 120)
    for x in range(left, right, bar * 4):
        cv2.rectangle(yard, (x, top), (x + bar - 1, bottom + bar), (60, 60, 60), -1)
    cv2.rectangle(yard, (left, top + bar), (right, top + 2 * bar), (50, 50, 50), -1)
