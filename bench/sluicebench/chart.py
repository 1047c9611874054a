"""Bars in SVG: one group per shape, one bar per system, on a logarithmic scale, because peers differ by a thousand."""

import html
import math

COLOURS = ["#1b6ca8", "#2a9d5c", "#6fbf73", "#8e6bbf", "#e08e2b", "#c8553d", "#7a7a7a", "#b0a030"]
LOW, HIGH = 0.001, 4.0
BAR, GAP, LEFT, WIDTH, TOP = 12, 14, 230, 860, 74


def position(value):
    clamped = min(HIGH, max(LOW, value))
    return LEFT + (WIDTH - LEFT - 60) * (math.log10(clamped) - math.log10(LOW)) / (math.log10(HIGH) - math.log10(LOW))


def text(x, y, words, anchor="start", size=12, colour="#222"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{html.escape(words)}</text>'


def bars(results, names, title, note):
    """The chart of one thread's results: ratios to the first system, which is the line at 1."""
    results = [r for r in results if r["threads"] == 1]
    names = names[1:]
    titles = list(dict.fromkeys(r["title"] for r in results))
    height = TOP + len(titles) * (len(names) * BAR + GAP) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', text(10, 22, title, size=16), text(WIDTH - 10, 22, note, "end", 11, "#666")]
    for i, name in enumerate(names):
        x = 10 + i * (WIDTH - 20) / max(1, len(names))
        out += [f'<rect x="{x:.0f}" y="34" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>', text(x + 14, 43, name, size=11)]
    for tick in (0.001, 0.01, 0.1, 0.5, 1, 2):
        x = position(tick)
        out += [f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 24}" stroke="{"#222" if tick == 1 else "#ddd"}"/>',
                text(x, height - 10, f"{tick:g}", "middle", 11)]
    y = TOP
    for shape in titles:
        out.append(text(LEFT - 8, y + len(names) * BAR / 2 + 4, shape, "end"))
        for i, name in enumerate(names):
            found = [r["ratio"] for r in results if r["title"] == shape and r["target"] == name]
            if found:
                end = position(found[0])
                out += [f'<rect x="{LEFT}" y="{y}" width="{max(1.0, end - LEFT):.1f}" height="{BAR - 2}" fill="{COLOURS[i % len(COLOURS)]}"/>',
                        text(end + 4, y + BAR - 3, f"{found[0]:.3g}", size=9, colour="#444")]
            y += BAR
        y += GAP
    return "\n".join([*out, "</svg>"]) + "\n"
