"""What all renderings look like: colours that print well and hold WCAG's contrast on white, and fonts that have Korean."""

from pathlib import Path

from include.errors import InputError

INK, SOFT, FAINT, ACCENT, WARM, GOOD, BAD = "#1f2933", "#52606d", "#e4e7eb", "#2f6f8f", "#9a4a12", "#17693b", "#a32020"
FONTS = ("NanumGothic", "Noto Sans CJK KR", "Malgun Gothic", "Apple SD Gothic Neo", "sans-serif")
_FILES = ("NanumGothic*.ttf", "NotoSansCJK*.ttc")
_PLACES = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts",
           Path.home() / ".fonts", Path("/Library/Fonts"))


def font_folders() -> list[str]:
    """The folders of the fonts that a PDF needs. Raises InputError where there is none that has Korean."""
    found = {str(file.parent) for place in _PLACES for name in _FILES for file in place.rglob(name)}
    if not found:
        raise InputError("no font with Korean is installed, so a PDF would show boxes: install the package fonts-nanum or "
                         "fonts-noto-cjk")
    return sorted(found)
