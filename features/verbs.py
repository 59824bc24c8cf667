"""English verbs and nouns, for pages that are written in English only."""

from features.words.english_verbs import nouns, plural, spoken

__all__ = ["nouns", "plural", "spoken"]
