# SPDX-License-Identifier: Apache-2.0
"""Tables and drawings of what scripts/bench measured."""

import math

COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf", "#7f7f7f", "#e377c2", "#bcbd22",
           "#000000"]
PANEL_HEIGHT, WIDTH, LEFT, RIGHT, TOP, BOTTOM = 320, 940, 60, 240, 40, 40
LABELS = {3: "1 µs", 4: "10 µs", 5: "100 µs", 6: "1 ms", 7: "10 ms", 8: "100 ms", 9: "1 s"}

BROKER_INSTRUCTIONS, LONE_ECHOES = 12000, 3
MEMORY_KIB = {"broker": 6144, "worker": 10240, "connection": 4}


def table(rows):
    rows = [tuple(str(cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
        print("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())


def dictionaries(rows):
    table([tuple(rows[0])] + [tuple(row.values()) for row in rows])


def targets(result):
    """(what, measured, target, met) of all that has a target and that this run has measured."""
    rows = []

    def at_most(what, value, limit):
        rows.append((what, value, f"≤ {limit}", "yes" if value <= limit else "no"))
    with_target = {title: entry for title, entry in result["unwrap"].items() if entry["target"]}
    for title, entry in with_target.items():
        ratio = entry["ratios"]["ratio"]
        rows.append((f"{title}, ratio to direct", ratio, f"≥ {entry['target']}", "yes" if ratio >= entry["target"] else "no"))
    for title, entry in with_target.items():
        at_most(f"{title}, lone, added in echoes", entry["ratios"]["added_in_echoes"], LONE_ECHOES)
        at_most(f"{title}, lone, added in slow echoes", entry["ratios"]["added_in_slow_echoes"], LONE_ECHOES)
    for row in result.get("instructions", []):
        at_most(f"broker, instructions, {row['operation']}, {row['connections']} connections",
                row["instructions a request"], BROKER_INSTRUCTIONS)
    at_most("broker idle, KiB", result["memory"]["idle"]["cekd-broker"], MEMORY_KIB["broker"])
    at_most("a worker idle, KiB", result["memory"]["idle"]["cekd-token"], MEMORY_KIB["worker"])
    if result.get("connections"):
        at_most("a connection, KiB", result["connections"][-1]["KiB a connection"], MEMORY_KIB["connection"])
    return rows


def report(result):
    if result["machine"]["load"] > 1:
        print(f"\nThis machine was not quiet: a load of {result['machine']['load']:.1f} when this began")
    print("\nUnwraps a second (median of the rounds); ratio: best of cekd by best of direct, of the same round")
    rows = [("operation", "OpenSSL", "p11-kit remote", "direct 1", "direct best", "cekd lone", "1 × 64", "8 × 8", "64 × 4",
             "ratio")]
    for title, entry in result["unwrap"].items():
        of = {name: round(r["ops_per_second"]) for name, r in entry["results"].items()}
        rows.append((title, of["OpenSSL, key in process"], of.get("p11-kit remote", "–"), of["direct, 1 thread"],
                     round(entry["ratios"]["direct"]), of["cekd, one lone"], of["cekd, one pipelined"],
                     of["cekd, 8 clients"], of["cekd, 64 clients"], entry["ratios"]["ratio"]))
    table(rows)
    print("\nA lone request, median in µs (slow echo: to a peer that first computes as long as the token; without that time)")
    rows = [("operation", "direct", "cekd", "added", "echo", "in echoes", "slow echo", "in slow echoes")]
    for title, entry in result["unwrap"].items():
        r = entry["ratios"]
        rows.append((title, entry["results"]["direct, 1 thread"]["p50_us"], entry["results"]["cekd, one lone"]["p50_us"],
                     r["added_us"], r["echo_us"], r["added_in_echoes"], r["slow_echo_us"], r["added_in_slow_echoes"]))
    table(rows)
    for alg, found in result["tokens"].items():
        print(f"\nWhole tokens a second, {alg}, A256GCM")
        table([("", "tokens/s", "p50 µs", "p99 µs")] + [
            (name, round(r["ops_per_second"]), r["p50_us"], r["p99_us"]) for name, r in found.items()])
    print("\nMemory, unique set in KiB")
    names = list(result["memory"]["idle"])
    table([("", *names)] + [(when, *(values.get(name, "–") for name in names))
                            for when, values in result["memory"].items()])
    if result.get("connections"):
        print("\nAs connections grow (A256KW): one client with 64 open beside idle ones; then all busy, one request each")
        dictionaries(result["connections"])
    if result.get("instructions"):
        print("\nInstructions of the broker, decode to reply, without the kernel (callgrind)")
        dictionaries(result["instructions"])
    print("\nTargets")
    table([("", "measured", "target", "met"), *targets(result)])


def panel(title, results, top):
    """The share of requests answered within a time, logarithmic in time."""
    points = [ns for r in results.values() for ns, _ in r["histogram"] if ns > 0]
    low, high = math.log10(min(points)), math.log10(max(points))
    base = top + PANEL_HEIGHT - BOTTOM

    def x(ns):
        return LEFT + (math.log10(max(ns, 1)) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(part):
        return base - part * (PANEL_HEIGHT - BOTTOM - TOP)
    parts = [f'<text x="{LEFT}" y="{top + 22}" font-size="15">{title}: share of requests answered within</text>']
    for exponent in range(math.ceil(low), math.floor(high) + 1):
        at = x(10 ** exponent)
        parts.append(f'<line x1="{at:.0f}" x2="{at:.0f}" y1="{y(0)}" y2="{y(1)}" stroke="#ddd"/><text x="{at:.0f}" '
                     f'y="{base + 18}" text-anchor="middle">{LABELS.get(exponent, f"1e{exponent} ns")}</text>')
    for part in (0, .25, .5, .75, 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(part):.0f}" y2="{y(part):.0f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 6}" y="{y(part) + 4:.0f}" text-anchor="end">{part:.0%}</text>')
    for number, (name, result) in enumerate(results.items()):
        total, seen, line = sum(count for _, count in result["histogram"]), 0, []
        for ns, count in result["histogram"]:
            seen += count
            line.append(f"{x(ns):.1f},{y(seen / total):.1f}")
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{" ".join(line)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                     f'<text x="{WIDTH - RIGHT + 10}" y="{top + 50 + 18 * number}" fill="{colour}">{name}, '
                     f'{result["p50_us"]:g} / {result["p99_us"]:g} µs</text>')
    return parts


def svg(panels):
    """One drawing: title → results by contender. The legend gives median and 99th percentile."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{PANEL_HEIGHT * len(panels)}" '
             'font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for number, (title, results) in enumerate(panels.items()):
        parts += panel(title, results, number * PANEL_HEIGHT)
    return "\n".join(parts) + "\n</svg>\n"
