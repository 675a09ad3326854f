"""Codes a scanner reads, as vector drawings: no raster, so a thermal head prints them edge to edge."""

from html import escape
from itertools import accumulate, groupby

from markupsafe import Markup

# ISO/IEC 15417:2007, table 1: widths of bar, space, bar, space, bar, space for values 0-105; the stop sign has seven.
_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222"
    "123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321"
    "232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121"
    "313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224"
    "111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111"
    "111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113"
    "114311411113411311113141114131311141411131211412211214211232"
)
_CODE128 = [_WIDTHS[start : start + 6] for start in range(0, len(_WIDTHS), 6)]
_STOP = "2331112"
_START_B, _START_C, _TO_C, _TO_B = 104, 105, 99, 100
_QUIET = 10


def qr(text: str, size: str = "22mm", error: str = "m") -> Markup:
    """A QR code (GB/T 18284) of `text` as inline SVG, four modules of quiet zone, `size` wide and high.

    `error` is the correction level l, m, q or h; m stands 15% damage, enough for a crumpled slip.
    """
    import segno

    matrix = segno.make(text, error=error, micro=False, boost_error=False).matrix
    path = []
    for y, row in enumerate(matrix):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                path.append(f"M{x + 4} {y + 4}.5h{length}")
            x += length
    side = len(matrix) + 8
    return _svg("qr", side, side, f"width:{size};height:{size}", "".join(path))


def code128(text: str, width: str = "60mm", height: str = "12mm") -> Markup:
    """A Code 128 bar code of printable ASCII as inline SVG, with ten modules of quiet zone at both sides.

    Runs of digits are packed two to a sign (set C). Raises ValueError for anything but printable ASCII.
    """
    elements = "".join(_CODE128[value] for value in code128_values(text)) + _STOP
    edges = [0, *accumulate(int(width) for width in elements)]
    bars = [f"M{_QUIET + edges[i]} .5h{elements[i]}" for i in range(0, len(elements), 2)]
    return _svg("code128", edges[-1] + 2 * _QUIET, 1, f"width:{width};height:{height}", "".join(bars))


def code128_values(text: str) -> list[int]:
    """Sign values from start to check sign (without stop)."""
    if not text or not all(" " <= char <= "~" for char in text):
        raise ValueError("Code 128 here carries printable ASCII only")
    values: list[int] = []
    in_c = False
    position = 0
    while position < len(text):
        digits = _digit_run(text, position)
        at_edge = position == 0 or position + digits == len(text)
        # Switching costs a sign: worth it for four digits at an edge, six in the middle, or two alone (annex E).
        if in_c:
            pack = digits >= 2
        else:
            pack = (digits >= (4 if at_edge else 6) and digits % 2 == 0) or (position == 0 and digits >= 4)
            pack = pack or (digits == 2 == len(text))
        if pack != in_c or not values:
            values.append((_TO_C if pack else _TO_B) if values else (_START_C if pack else _START_B))
            in_c = pack
        if in_c:
            values.append(int(text[position : position + 2]))
            position += 2
        else:
            values.append(ord(text[position]) - 32)
            position += 1
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], start=1))) % 103
    return [*values, check]


def _digit_run(text: str, position: int) -> int:
    end = position
    while end < len(text) and text[end].isdigit():
        end += 1
    return end - position


def _svg(name: str, width: int, height: int, style: str, path: str) -> Markup:
    # Every part is made of numbers and code here but `style`, whose sizes come from the layout.
    return Markup(  # noqa: S704
        f'<svg class="{name}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' preserveAspectRatio="none" style="{escape(style)}">'
        f'<path d="{path}" fill="none" stroke="black" stroke-width="1"/></svg>'
    )
