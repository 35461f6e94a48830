"""Token counts and places of an ASCII text under a byte-level BPE tokenizer.json (Digits + ByteLevel pre-tokenisation),
so that a script can build prompts of a wanted length and knows which tokens a sentence is. `gemring generate` reports
the number of tokens of each prompt: callers compare."""

import functools
import json
import re

# GPT-2's pattern for ASCII, digits one by one.
_WORDS = re.compile(r"\d|'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[^\sA-Za-z\d]+|\s+(?!\S)|\s+")


class Tokenizer:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            tokenizer = json.load(file)
        merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in tokenizer["model"]["merges"]]
        self._ranks = {tuple(merge): rank for rank, merge in enumerate(merges)}
        added = sorted((token["content"] for token in tokenizer["added_tokens"]), key=len, reverse=True)
        self._added = re.compile("(" + "|".join(map(re.escape, added)) + ")")
        self._lengths_of_word = functools.lru_cache(maxsize=None)(self._lengths_of_word)

    def _lengths_of_word(self, word):
        """Characters of each token of one pre-tokenised word."""
        parts = [chr(256 + ord(c)) if ord(c) <= 32 else c for c in word]  # the byte map of ASCII: blank is U+0120
        while len(parts) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in zip(parts, parts[1:])]
            best = min(ranks)
            if best == len(self._ranks):
                break
            place = ranks.index(best)
            parts[place:place + 2] = [parts[place] + parts[place + 1]]
        return [len(part) for part in parts]

    def ends(self, text):
        """For each token of `text` the index of the character behind it."""
        if not text.isascii():
            raise ValueError("the text is not ASCII")
        ends = []
        place = 0
        for index, piece in enumerate(self._added.split(text)):
            if index % 2 == 1:  # an added token
                place += len(piece)
                ends.append(place)
                continue
            # Digits come first and stand alone; what lies between them is split by itself (a blank before a digit too).
            for part in re.split(r"(\d)", piece):
                for word in _WORDS.findall(part):
                    for length in self._lengths_of_word(word):
                        place += length
                        ends.append(place)
        return ends
