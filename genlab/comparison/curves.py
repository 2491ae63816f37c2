"""Curves of a run as SVG: small ones for the table, and one with its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genlab.comparison.html import Html, tag
from genlab.comparison.show import significant

Curve = Sequence[tuple[int, float]]

POINTS = 160
"""More than these are thinned: a curve is a few hundred pixels wide."""

TOP = 0.95
"""The first losses of a run are huge and tell nothing: the axis ends at this quantile, higher values at its edge."""


def thinned(curve: Curve, points: int = POINTS) -> list[tuple[int, float]]:
    """At most ``points`` of a curve, evenly spread, its first and last among them."""
    if len(curve) <= points:
        return list(curve)
    return [curve[round(i * (len(curve) - 1) / (points - 1))] for i in range(points)]


def window(curves: Sequence[Curve]) -> tuple[float, float, float, float]:
    """``(first step, last step, lowest value, highest shown value)``."""
    steps = [step for curve in curves for step, _ in curve]
    values = sorted(value for curve in curves for _, value in curve)
    top = values[min(len(values) - 1, int(TOP * len(values)))]
    return min(steps), max(steps), values[0], top


def place(curve: Curve, frame: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> str:
    """The points of a polyline: a curve seen through ``frame``, drawn in ``box`` (left, top, width, height)."""
    first, last, low, high = frame
    left, top, width, height = box
    points = []
    for step, value in thinned(curve):
        x = left + width * (step - first) / ((last - first) or 1)
        y = top + height * (1 - (min(value, high) - low) / ((high - low) or 1))
        points.append(f"{x:.1f},{y:.1f}")
    return " ".join(points)


def spark(curves: Mapping[str, Curve], *, label: str) -> Html:
    """The training loss and the validation value as one small picture without axes; nothing if there is no curve."""
    drawn = {name: curve for name, curve in curves.items() if len(curve) > 1}
    if not drawn:
        return Html("")
    frame = window(list(drawn.values()))
    lines = [
        tag("polyline", attrs={"class": _class(name), "points": place(curve, frame, (1, 2, 78, 20))})
        for name, curve in drawn.items()
    ]
    return tag("svg", lines, attrs={"class": "spark", "viewBox": "0 0 80 24", "role": "img", "aria-label": label})


def chart(curves: Mapping[str, Curve]) -> Html:
    """The same with axes and a legend, in nats (or the loss's own unit) against steps; nothing if there is no curve."""
    drawn = {name: curve for name, curve in curves.items() if len(curve) > 1}
    if not drawn:
        return Html("")
    first, last, low, high = frame = window(list(drawn.values()))
    box = (52.0, 10.0, 480.0, 150.0)
    left, top, width, height = box
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = f"{top + height * (1 - share):.1f}"
        parts.append(tag("line", attrs={"class": "rule", "x1": f"{left}", "x2": f"{left + width}", "y1": y, "y2": y}))
        value = significant(low + share * (high - low))
        parts.append(tag("text", value, attrs={"class": "end", "x": f"{left - 6}", "y": y, "dy": "0.32em"}))
    for share, anchor in ((0.0, "start"), (1.0, "end")):
        at = {"class": anchor, "x": f"{left + share * width}", "y": f"{top + height + 18}"}
        parts.append(tag("text", f"{first + share * (last - first):,.0f}", attrs=at))
    parts.append(
        tag("text", "steps", attrs={"class": "middle", "x": f"{left + width / 2}", "y": f"{top + height + 18}"})
    )
    for name, curve in drawn.items():
        parts.append(tag("polyline", attrs={"class": _class(name), "points": place(curve, frame, box)}))
    x = left
    for name, curve in drawn.items():
        y = f"{top + height + 42}"
        parts.append(tag("line", attrs={"class": _class(name), "x1": f"{x}", "x2": f"{x + 18}", "y1": y, "y2": y}))
        told = f"{name}, {significant(curve[-1][1])} at the end"
        parts.append(tag("text", told, attrs={"class": "start", "x": f"{x + 24}", "y": y, "dy": "0.32em"}))
        x += 230
    label = "; ".join(
        f"{name} from {significant(curve[0][1])} to {significant(curve[-1][1])}" for name, curve in drawn.items()
    )
    return tag("svg", parts, attrs={"class": "chart", "viewBox": "0 0 544 208", "role": "img", "aria-label": label})


def _class(name: str) -> str:
    return "val" if name.startswith("val") else "train"
