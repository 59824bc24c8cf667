"""Which of our languages a request asks for (`Accept-Language`, RFC 9110, section 12.5.4)."""

from __future__ import annotations

from functools import lru_cache

from engagement.settings import LANGUAGES

#: A longer header is not a preference; callers send few different ones, so each is read once.
_LONGEST = 200


@lru_cache(maxsize=512)
def language_for(header: str, default: str) -> str:
    """The code of our language that the header likes best; the default where it likes none of ours, or any.

    `de-AT` is content with German. Of equally liked ones the first counts; what cannot be read is passed over.
    """
    liked: dict[str, float] = {}
    for part in header[:_LONGEST].split(","):
        tag, _, weight = part.partition(";")
        code = tag.strip().lower().partition("-")[0]
        code = default if code == "*" else code
        if code in LANGUAGES:
            liked[code] = max(_weight(weight), liked.get(code, 0.0))
    best = max(liked, key=lambda code: liked[code], default=default)
    return best if liked.get(best, 0.0) > 0 else default


def _weight(text: str) -> float:
    """`q=0.8` as a number; 1 where nothing is said, 0 for nonsense."""
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip() == "q" and 0 <= weight <= 1 else 0.0
