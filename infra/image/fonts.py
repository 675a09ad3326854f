"""The Chinese font of the image: the simplified Chinese sans of Noto CJK in two weights.

Debian's package holds five languages, sans and serif, in 93 MB; forms use one of these faces, so two files
remain.
Every Chinese character of the font stays, rare ones too, because patients' names have them; Korean syllables go.
"""

from __future__ import annotations

from pathlib import Path

from infra.image import debian, interpreter

FOLDER = "usr/share/fonts/opentype/noto"
WEIGHTS = ("Regular", "Bold")

_SUBSET = """
import sys
from fontTools import subset
from fontTools.ttLib import TTCollection

source, target = sys.argv[1:]
font = next(one for one in TTCollection(source, lazy=True).fonts if one["name"].getDebugName(1) == "Noto Sans CJK SC")
korean = [range(0x1100, 0x1200), range(0x3130, 0x3190), range(0xA960, 0xA980), range(0xAC00, 0xD800)]
options = subset.Options()
options.layout_features = ["*"]
options.name_IDs = options.name_languages = ["*"]
options.notdef_outline = True
options.recalc_timestamp = False
one = subset.Subsetter(options)
one.populate(unicodes=[code for code in font.getBestCmap() if not any(code in block for block in korean)])
one.subset(font)
font["head"].modified = font["head"].created
font.recalcTimestamp = False
font.save(target)
"""

CONFIGURATION = "etc/fonts/fonts.conf"
WHERE, CACHE = "/usr/share/fonts", "/tmp/fontconfig"  # noqa: S108  of the container
_CONFIGURATION = f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{WHERE}</dir>
  <cachedir>{CACHE}</cachedir>
  <config></config>
</fontconfig>
"""


def install(packages: list[debian.Package], cache: Path, root: Path, system: Path, libraries: Path) -> None:
    """Put the fonts under `root`, made by the Python of `system` with fontTools from the tree `libraries`."""
    package = next(one for one in packages if one.name == debian.FONT_PACKAGE)
    folder = root / FOLDER
    folder.mkdir(parents=True)
    whole = cache / f"fonts-{package.sha256[:16]}"
    whole.mkdir(parents=True, exist_ok=True)
    for member, content in debian.members(debian.fetch(package, cache)):
        name = Path(member.name).name
        if name in {f"NotoSansCJK-{weight}.ttc" for weight in WEIGHTS}:
            (whole / name).write_bytes(content)
        elif member.name.endswith("copyright"):
            (folder / "LICENSE").write_bytes(content)
    for weight in WEIGHTS:
        source, target = whole / f"NotoSansCJK-{weight}.ttc", folder / f"NotoSansCJKsc-{weight}.otf"
        interpreter.run(system, "-c", _SUBSET, str(source), str(target), path=(libraries / interpreter.LIBRARIES,))
    configuration = root / CONFIGURATION
    configuration.parent.mkdir(parents=True)
    configuration.write_text(_CONFIGURATION, encoding="utf-8")
