"""A school yard drawn for the picture watch: buildings, trees, people, weather and light, and what happens to lenses."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Cameras' pictures are drawn at this size; the yard is larger, so that a camera can turn.
WIDTH, HEIGHT = 640, 360
_YARD = (1280, 560)
_CENTRE = (320, 100)
#: Noise is drawn once and cut out at another place for each picture.
_SPARE = 128

Cover = Literal["hand", "cloth", "paint", "bag", "partial"]
Card = Literal["blue", "bars"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What there is to be seen. `light` 1 is noon, 0 no light at all; shares are of the picture's width or of 1."""

    light: float = 1.0
    infrared: bool = False
    sun: float = 0.5
    pan: tuple[float, float] = (0.0, 0.0)
    turn_degrees: float = 0.0
    walkers: tuple[tuple[float, float], ...] = ()
    crowd: float = 0.0
    lamps: bool = False
    headlights: float | None = None
    rain: float = 0.0
    fog: float = 0.0
    sway: float = 0.0
    blur: float = 0.0
    over: float = 0.0
    cover: Cover | None = None
    card: Card | None = None
    noise: float = 2.0


class Yard:
    """One school's; another seed draws another. Everything in it follows from the seed and what is asked."""

    def __init__(self, seed: int) -> None:
        self._dice = np.random.default_rng(seed)
        self._title = f"CAM {seed:02d} GATE"
        self._yard = self._build()
        self._noise = self._dice.normal(0, 1, (HEIGHT + _SPARE, WIDTH + _SPARE, 3)).astype(np.float32)
        self._rows, self._columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        self._cloth = self._texture((HEIGHT, WIDTH), 6)
        self._lamps = self._dice.uniform([0.1, 0.1], [0.9, 0.4], (3, 2))

    def picture(self, moment: Moment, clock: str) -> Picture:
        """Blue-green-red; the clock and the title are written over it last, as a camera does."""
        scene = self._card(moment.card) if moment.card else self._scene(moment)
        if not moment.card:
            x, y = self._dice.integers(0, _SPARE, 2)
            scene += self._noise[y : y + HEIGHT, x : x + WIDTH] * np.float32(moment.noise)
        picture = np.clip(scene, 0, 255).astype(np.uint8)
        for text, place in ((clock, (12, 24)), (self._title, (WIDTH - 190, HEIGHT - 12))):
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
            cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
        return picture

    def _scene(self, moment: Moment) -> Floats:
        view = self._view(moment)
        sky = view[..., 3]
        scene = self._sunlit(np.ascontiguousarray(view[..., :3]), moment)
        self._people(scene, moment)
        if moment.fog:
            far = np.linspace(1.0, 0.6, HEIGHT, dtype=np.float32)[:, None, None] * moment.fog
            scene = scene * (1 - far) + 190 * far
        scene = self._lit(scene, sky, moment)
        if moment.rain:
            self._rain(scene, moment.rain)
        if moment.cover:
            scene = self._covered(scene, moment)
        if moment.blur:
            scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), moment.blur * WIDTH), np.float32)
        if moment.over:
            scene = scene * (1 + 3 * moment.over) + 255 * moment.over
        return np.asarray(scene, np.float32)

    def _view(self, moment: Moment) -> Floats:
        dx, dy = (share * WIDTH for share in moment.pan)
        turn = cv2.getRotationMatrix2D(
            (_CENTRE[0] + WIDTH / 2, _CENTRE[1] + HEIGHT / 2), moment.turn_degrees, 1
        )
        turn[:, 2] -= np.array([_CENTRE[0] + dx, _CENTRE[1] + dy])
        scene = cv2.warpAffine(self._yard, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        if moment.sway:
            rows, columns = self._rows, self._columns
            high = np.clip(1 - rows / (HEIGHT * 0.6), 0, 1)  # trees move at their tops
            waves = np.sin(columns / 35 + self._dice.uniform(0, 6)) * moment.sway * high * WIDTH
            scene = cv2.remap(scene, columns + waves, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(scene, np.float32)

    def _sunlit(self, scene: Floats, moment: Moment) -> Floats:
        """A shadow of a building that wanders over the ground with the sun; none at night or in fog."""
        depth = 0.45 * max(0.0, moment.light - 0.5) * 2 * (1 - moment.fog)
        if depth <= 0:
            return scene
        left = round((moment.sun * 1.4 - 0.4) * WIDTH)
        corners = [(left, HEIGHT), (left + 90, HEIGHT // 2), (left + 330, HEIGHT // 2), (left + 260, HEIGHT)]
        shade = np.full((HEIGHT, WIDTH), 255, np.uint8)
        cv2.fillPoly(shade, [np.array(corners, np.int32)], round(255 * (1 - depth)))
        soft = cv2.cvtColor(cv2.blur(shade, (5, 5)), cv2.COLOR_GRAY2BGR)
        return np.asarray(cv2.multiply(scene, soft, scale=1 / 255, dtype=cv2.CV_32F), np.float32)

    def _people(self, scene: Floats, moment: Moment) -> None:
        walkers = list(moment.walkers)
        covered = 0.0
        while covered < moment.crowd:
            size = float(self._dice.uniform(0.25, 0.6))
            walkers.append((float(self._dice.uniform(0, 1)), size))
            covered += size * size * 0.3 * HEIGHT / WIDTH
        for across, size in walkers:
            self._person(scene, across, size)

    def _person(self, scene: Floats, across: float, size: float) -> None:
        """`size` is a share of the picture's height; the feet stand lower the nearer they are."""
        x, feet, tall = round(across * WIDTH), round(HEIGHT * (0.55 + 0.45 * min(1.0, size))), size * HEIGHT
        coat, trousers = (self._dice.uniform(20, 220, 3).tolist() for _ in range(2))
        wide = max(2, round(tall * 0.14))
        middle, neck = round(feet - tall * 0.5), round(feet - tall * 0.85)
        cv2.rectangle(scene, (x - wide, middle), (x + wide, feet), trousers, -1)
        cv2.rectangle(scene, (x - round(wide * 1.2), neck), (x + round(wide * 1.2), middle), coat, -1)
        cv2.circle(scene, (x, round(neck - tall * 0.07)), max(2, round(tall * 0.08)), (120, 150, 200), -1)

    def _lit(self, scene: Floats, sky: Floats, moment: Moment) -> Floats:
        """Exposure, the sky, infrared lamps, street lamps and the headlights of a car."""
        if moment.light == 1 and not (moment.infrared or moment.lamps or moment.headlights):
            return scene
        rows, columns = self._rows, self._columns
        exposure = np.full((HEIGHT, WIDTH), moment.light**0.6, np.float32)
        if moment.infrared:
            distance = np.hypot((columns - WIDTH / 2) / WIDTH, (rows - HEIGHT * 0.6) / HEIGHT)
            exposure = np.maximum(exposure, np.exp(-5.0 * distance**2) * 0.75)
            grey = scene.mean(axis=2, keepdims=True)
            scene = np.repeat(
                0.6 * grey + 0.4 * scene[..., 2:], 3, axis=2
            )  # leaves and cloth are pale in infrared
        exposure += (
            moment.light**0.6 - exposure
        ) * sky  # no lamp reaches it: at night it is darker than the roofs
        glare = np.zeros_like(exposure)
        if moment.lamps:
            for x, y in self._lamps:
                away = np.hypot(columns - x * WIDTH, rows - y * HEIGHT) / WIDTH
                exposure = exposure + 0.7 * np.exp(-12 * away**2)
                glare += 200 * np.exp(-((away * 60) ** 2))
        if moment.headlights is not None:
            for side in (-0.03, 0.03):
                away = np.hypot(columns - (moment.headlights + side) * WIDTH, rows - 0.7 * HEIGHT) / WIDTH
                glare += 255 * np.exp(-((away * 14) ** 2)) + 60 * np.exp(-((away * 3) ** 2))
        return np.asarray(scene * exposure[..., None] + glare[..., None], np.float32)

    def _rain(self, scene: Floats, share: float) -> None:
        for _ in range(round(share * 700)):
            x, y = int(self._dice.integers(0, WIDTH)), int(self._dice.integers(0, HEIGHT))
            long, bright = int(self._dice.integers(4, 18)), float(self._dice.uniform(120, 220))
            cv2.line(scene, (x, y), (x + 2, y + long), (bright, bright, bright), 1, cv2.LINE_AA)

    def _covered(self, scene: Floats, moment: Moment) -> Floats:
        rows, columns = self._rows, self._columns
        slope = np.dstack([columns / WIDTH * 30 + rows / HEIGHT * 20] * 3)
        match moment.cover:
            case "hand":
                return np.asarray(slope + np.array([35, 40, 75], np.float32), np.float32)
            case "cloth":
                return np.asarray(
                    slope + 60 + cv2.GaussianBlur(self._cloth, (0, 0), 5)[..., None] * 40, np.float32
                )
            case "paint":
                return np.asarray(
                    slope * 0.5 + 170 + cv2.GaussianBlur(self._cloth, (0, 0), 8)[..., None] * 25, np.float32
                )
            case "bag":
                return np.asarray(cv2.GaussianBlur(scene, (0, 0), 40) * 0.3 + 110 + slope * 0.4, np.float32)
            case _:
                over = (columns + rows * 0.3 < WIDTH * 1.0).astype(np.float32)  # nine tenths
                over = cv2.GaussianBlur(over, (0, 0), 6)[..., None]
                return np.asarray(scene * (1 - over) + (slope + 45) * over, np.float32)

    def _card(self, card: str) -> Floats:
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        if card == "bars":
            colours = [
                (192, 192, 192),
                (0, 192, 192),
                (192, 192, 0),
                (0, 192, 0),
                (192, 0, 192),
                (0, 0, 192),
                (192, 0, 0),
            ]
            for number, colour in enumerate(colours):
                left = number * WIDTH // len(colours)
                picture[:, left : (number + 1) * WIDTH // len(colours)] = colour
            return picture.astype(np.float32)
        picture[:] = (200, 30, 10)
        cv2.putText(
            picture, "NO SIGNAL", (220, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, 255, 255), 2, cv2.LINE_AA
        )
        return picture.astype(np.float32)

    def _texture(self, shape: tuple[int, int], octaves: int) -> Floats:
        """Noise of many sizes, mean 0, spread 1."""
        total = np.zeros(shape, np.float32)
        for octave in range(octaves):
            cell = 2 ** (octave + 1)
            grid = self._dice.normal(0, 1, (shape[0] // cell + 2, shape[1] // cell + 2)).astype(np.float32)
            total += cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC) * cell**0.5
        return np.asarray(total / total.std(), np.float32)

    def _build(self) -> Floats:
        width, height = _YARD
        yard = np.zeros((height, width, 4), np.float32)
        ground = round(height * self._dice.uniform(0.5, 0.6))
        yard[:ground, :, 3] = 1  # where the sky is; what is drawn over it is not
        yard[:ground, :, :3] = np.linspace(215, 175, ground)[:, None, None] * np.array([1.05, 1.0, 0.92])
        yard[ground:, :, :3] = self._dice.uniform(90, 140) * np.array([0.95, 1.0, 1.03])
        yard[ground:, :, :3] += self._texture((height - ground, width), 5)[..., None] * 7
        left = -60
        while left < width:
            left += self._house(yard, left, ground) + int(self._dice.integers(10, 90))
        for _ in range(int(self._dice.integers(5, 9))):
            self._tree(yard, int(self._dice.integers(0, width)), ground)
        self._fence(yard, ground)
        return np.asarray(cv2.GaussianBlur(yard, (0, 0), 0.6), np.float32)

    def _house(self, yard: Floats, left: int, ground: int) -> int:
        wide, high = (int(self._dice.integers(low, top)) for low, top in ((140, 330), (110, 230)))
        top, right = max(20, ground - high), left + wide
        wall = self._dice.uniform(90, 200, 3)
        cv2.rectangle(yard, (left, top), (right, ground), wall.tolist(), -1)
        across, down = (int(self._dice.integers(26, 48)) for _ in range(2))
        for x in range(left + 12, right - 20, across):
            for y in range(top + 12, ground - 24, down):
                pane = self._dice.uniform(25, 80, 3).tolist()
                cv2.rectangle(yard, (x, y), (x + across // 2, y + down // 2), pane, -1)
                cv2.rectangle(yard, (x, y), (x + across // 2, y + down // 2), (wall * 1.15).tolist(), 1)
        return wide

    def _tree(self, yard: Floats, x: int, ground: int) -> None:
        top, wide = ground - int(self._dice.integers(60, 150)), int(self._dice.integers(30, 65))
        cv2.rectangle(yard, (x - 4, top), (x + 4, ground + 12), (50, 65, 80), -1)
        for _ in range(160):
            place = self._dice.normal([x, top], [wide / 2, wide / 2.2])
            shade = self._dice.uniform(0.5, 1.3)
            cv2.circle(
                yard,
                (int(place[0]), int(place[1])),
                int(self._dice.integers(2, 7)),
                (40 * shade, 95 * shade, 60 * shade),
                -1,
            )

    def _fence(self, yard: Floats, ground: int) -> None:
        line = ground + int(self._dice.integers(40, 90))
        for x in range(0, yard.shape[1], int(self._dice.integers(18, 34))):
            cv2.line(yard, (x, line - 45), (x, line), (60, 60, 65), 3)
        cv2.line(yard, (0, line - 38), (yard.shape[1], line - 38), (60, 60, 65), 3)
        for x in range(0, yard.shape[1], 130):  # parking lines
            cv2.line(yard, (x, line + 40), (x - 60, yard.shape[0]), (205, 205, 205), 4)
