"""Draws what something costs against how much there is: panels side by side, as SVG, with a logarithmic axis below."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 260, 62, 16, 44, 46


def nice(most):
    """A round figure, no less than this one, and not much more."""
    unit = 1
    while most > unit * 10:
        unit *= 10
    while most <= unit:
        unit /= 10
    return next(unit * step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= most)


def figure(value):
    for size, name in ((1_000_000, " M"), (1000, " k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def panel(title, unit, below, points, left):
    """One panel; its points are (how much, what it costs), the first at 1."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    decades = len(str(points[-1][0])) - 1
    most = nice(max(cost for _, cost in points))

    def at(much, cost):
        exponent = len(str(much)) - 1 + (int(str(much)[0]) - 1) / 9
        return left + LEFT + width * exponent / max(decades, 1), TOP + height * (1 - cost / most)

    parts = [f'<text x="{left + LEFT}" y="18" class="title">{escape(title)}</text>',
             f'<text x="{left + LEFT}" y="34">{escape(unit)}</text>']
    for step in range(5):
        cost = most * step / 4
        _, y = at(1, cost)
        parts.append(f'<path d="M{left + LEFT} {y:.1f}h{width}" class="grid"/>')
        parts.append(f'<text x="{left + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{figure(cost)}</text>')
    for decade in range(decades + 1):
        x, y = at(10**decade, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{figure(10**decade)}</text>')
    parts.append(f'<text x="{left + LEFT + width / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(below)}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    parts.append(f'<polyline points="{line}" class="line"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in (at(*point) for point in points)]
    return "\n".join(parts)


def drawn(panels):
    width = WIDTH * len(panels)
    style = (
        "text{font:12px sans-serif;fill:#444}.title{font-weight:bold;fill:#111}.grid{stroke:#ddd}"
        ".line{fill:none;stroke:#2457c5;stroke-width:2}circle{fill:#2457c5}"
        "@media(prefers-color-scheme:dark){text{fill:#bbb}.title{fill:#eee}.grid{stroke:#444}.line{stroke:#8ab4ff}circle{fill:#8ab4ff}}"
    )
    body = "\n".join(panel(*which, left=WIDTH * n) for n, which in enumerate(panels))
    label = escape("; ".join(title for title, *_ in panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" role="img" '
        f'aria-label="{label}">\n<style>{style}</style>\n{body}\n</svg>\n'
    )
