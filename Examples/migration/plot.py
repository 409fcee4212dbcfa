"""A line over time as an SVG file, without a library."""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 60, 20, 40, 50
COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377")


def plot(path, title, points, vertical):
    """Points are (seconds, value in 0 … 1, name); each name has a colour, and neighbours of the same name a line."""
    end = max(seconds for seconds, _, _ in points) or 1
    top = max(0.1, min(1.0, max(value for _, value, _ in points) * 1.3))
    names = list(dict.fromkeys(name for _, _, name in points))

    def x(seconds):
        return LEFT + seconds / end * (WIDTH - LEFT - RIGHT)

    def y(value):
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">seconds</text>',
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{vertical}</text>',
    ]
    for step in range(5):
        value, moment = top * step / 4, end * step / 4
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>')
        parts.append(f'<text x="{x(moment):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{moment:.0f}</text>')
    for place, name in enumerate(names):
        colour = COLOURS[place % len(COLOURS)]
        for one, next in zip(points, points[1:]):
            if one[2] == next[2] == name:
                parts.append(
                    f'<line x1="{x(one[0]):.1f}" y1="{y(one[1]):.1f}" x2="{x(next[0]):.1f}" y2="{y(next[1]):.1f}" '
                    f'stroke="{colour}" stroke-width="2"/>')
        for seconds, value, other in points:
            if other == name:
                parts.append(f'<circle cx="{x(seconds):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>')
        left = LEFT + 150 * place
        parts.append(f'<circle cx="{left + 5}" cy="{TOP - 8}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{left + 14}" y="{TOP - 4}">{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join([*parts, "</svg>", ""]))
