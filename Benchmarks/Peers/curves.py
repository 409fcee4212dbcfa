"""Curves of queries a second over recall, their interpolation, and of growth over rows: pictures as SVG."""

import html
import math

COLOURS = (
    "#d62728", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#1f77b4", "#17becf", "#2ca02c", "#bcbd22", "#7f7f7f",
    "#393b79", "#637939", "#8c6d31", "#843c39", "#7b4173")
WIDTH, HEIGHT = 900, 560
LEFT, TOP, RIGHT, BOTTOM = 76, 48, 250, 56
# Marks of the recall axis, which is logarithmic in the part that is missed: 0.99 is as far from 0.9 as 0.999 from 0.99.
RECALLS = (0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
STEPS = (1, 2, 5)


def frontier(points):
    """The (recall, queries a second) that no other point beats in both, with recall rising."""
    best = []
    for recall, qps in sorted(points, reverse=True):
        if not best or qps > best[-1][1]:
            best.append((recall, qps))
    return best[::-1]


def at(points, recall):
    """Queries a second at a recall: between two points of the frontier the logarithm is linear.

    None where no point reaches the recall. A curve that begins above it is taken at its first point.
    """
    best = frontier(points)
    for low, high in zip(best, best[1:]):
        if low[0] < recall <= high[0]:
            part = (recall - low[0]) / (high[0] - low[0])
            return math.exp((1 - part) * math.log(low[1]) + part * math.log(high[1]))
    return best[0][1] if best and best[0][0] >= recall else None


def svg(title, subtitle, series):
    """`series` maps a name to its points; names that begin with "Moult" are drawn thick. Recall above 0.999 is drawn there."""
    shown = {name: [point for point in frontier(points) if point[0] >= RECALLS[0]] for name, points in series.items()}
    for points in shown.values():  # all that is drawn at 0.999 is one point, the fastest
        del points[1 + sum(recall < RECALLS[-1] for recall, _ in points):]
    shown = {name: points for name, points in shown.items() if points}
    if not shown:
        return None
    rates = [qps for points in shown.values() for _, qps in points]
    marks = [factor * 10**power for power in range(-1, 9) for factor in STEPS]
    low, high = max(mark for mark in marks if mark <= min(rates)), min(mark for mark in marks if mark >= max(rates))
    high = max(high, 2 * low)
    nearest, farthest = (math.log(1 - RECALLS[end]) for end in (0, -1))

    def x(recall):
        missed = math.log(1 - min(recall, RECALLS[-1]))
        return LEFT + (nearest - missed) / (nearest - farthest) * (WIDTH - LEFT - RIGHT)

    def y(qps):
        return TOP + (math.log(high) - math.log(qps)) / (math.log(high) - math.log(low)) * (HEIGHT - TOP - BOTTOM)

    lines = sheet(title, subtitle)
    for recall in RECALLS:
        lines += [line(x(recall), TOP, x(recall), HEIGHT - BOTTOM, "#e4e4e4"),
                  text(x(recall), HEIGHT - BOTTOM + 18, f"{recall:g}", anchor="middle")]
    for rate in marks:
        if low <= rate <= high:
            lines += [line(LEFT, y(rate), WIDTH - RIGHT, y(rate), "#e4e4e4"),
                      text(LEFT - 8, y(rate) + 4, f"{rate:,.0f}", anchor="end")]
    lines += [
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "recall@10 (log scale of the part missed)", anchor="middle"),
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        "queries a second, one thread (log scale)</text>"]
    for place, (name, points) in enumerate(shown.items()):
        colour = COLOURS[place % len(COLOURS)]
        dash = ' stroke-dasharray="6 3"' if place >= len(COLOURS) else ""
        width = 3 if name.startswith("Moult") else 1.5
        path = " ".join(f"{x(recall):.1f},{y(qps):.1f}" for recall, qps in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')
        lines += [f'<circle cx="{x(recall):.1f}" cy="{y(qps):.1f}" r="{width}" fill="{colour}"/>' for recall, qps in points]
        height = TOP + 10 + 20 * place
        lines += [line(WIDTH - RIGHT + 16, height - 4, WIDTH - RIGHT + 44, height - 4, colour, width),
                  text(WIDTH - RIGHT + 52, height, name, weight="bold" if width == 3 else "normal")]
    return "\n".join([*lines, "</svg>", ""])


def growth_svg(title, series):
    """Lines of (rows, value relative to the first) on two logarithmic axes of the same scale a decade."""
    points = [point for line in series.values() for point in line]
    decades = [(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))) for values in zip(*points)]
    (first, last), (low, high) = ((start, max(end, start + 1)) for start, end in decades)

    def x(rows):
        return LEFT + (math.log10(rows) - first) / (last - first) * (WIDTH - LEFT - RIGHT - 130)

    def y(value):
        return TOP + (high - math.log10(value)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    lines = sheet(title, "each figure over its own at the fewest rows; both axes logarithmic")
    for power in range(first, last + 1):
        lines += [line(x(10**power), TOP, x(10**power), HEIGHT - BOTTOM, "#e4e4e4"),
                  text(x(10**power), HEIGHT - BOTTOM + 18, f"{10**power:,}", anchor="middle")]
    for power in range(low, high + 1):
        lines += [line(LEFT, y(10**power), x(10**last), y(10**power), "#e4e4e4"),
                  text(LEFT - 8, y(10**power) + 4, f"{10.0**power:g} ×", anchor="end")]
    for place, (name, values) in enumerate(series.items()):
        colour = COLOURS[place % len(COLOURS)]
        path = " ".join(f"{x(rows):.1f},{y(value):.1f}" for rows, value in values)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x(rows):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>' for rows, value in values]
        height = TOP + 10 + 20 * place
        lines += [line(x(10**last) + 16, height - 4, x(10**last) + 44, height - 4, colour, 2), text(x(10**last) + 52, height, name)]
    return "\n".join([*lines, "</svg>", ""])


def sheet(title, subtitle):
    """An empty picture with its two lines of words."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 20, title, size=16, weight="bold"), text(LEFT, 38, subtitle, colour="#555")]


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def text(x, y, words, size=13, weight="normal", anchor="start", colour="#111"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
            f'fill="{colour}">{html.escape(words)}</text>')
