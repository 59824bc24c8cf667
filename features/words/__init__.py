"""The languages in which sentences are told; `facts` is what they tell. A new one is a class and an entry here."""

from features.words.english import English
from features.words.german import German
from features.words.language import Language

__all__ = ["ENGLISH", "LANGUAGES", "Language"]

ENGLISH = English()

#: By code; the same codes as `engagement.settings.LANGUAGES`.
LANGUAGES: dict[str, Language] = {language.code: language for language in (ENGLISH, German())}
