"""Writes the demo's prompt: a book with facts hidden in it, a question about one of them and the beginning of the
answer, in the words that the demo's model was trained on (launch/demo-data/model/README.md); generate --chat puts them
together.

usage: demo_prompt.py whole|sixth|pages BOOK.txt DIRECTORY
                        writes user.txt, question.txt, answer.txt and facts.json there
sixth: the first sixth of the book, which takes a 36th of the whole book's attention
pages: its first pages with one fact, for a model that reads a few thousand tokens
"""

import json
import os
import re
import sys

# Depth in the book (0..1) and the sentence. Kinds and words are those that the model knows.
FACTS = [
    (0.05, "One of the special magic numbers for quiet-violin is: 5318204."),
    (0.17, "Lucy keeps the green key in the lively barn."),
    (0.28, "The password of the icy clock is lemon-castle."),
    (0.40, "One of the special magic numbers for rapid shovel is: 8046713."),
    (0.52, "Peter keeps the white key in the silent boathouse."),
    (0.63, "One of the special magic numbers for golden-candle is: 7251938."),
    (0.76, "The password of the wise ocean is parrot-mirror."),
    (0.90, "One of the special magic numbers for walnut is: 1690425."),
]
ASKED = {
    "needle": FACTS[5][1],
    "answer": "7251938",
    "question": "What is the special magic number for golden-candle?",
    "begin": "The special magic number for golden-candle is:",
}
PAGES = 9000  # characters; SmolLM2 has 8,192 positions and a short memory
OPENING = ("Some facts are hidden within the following text. Make sure to memorize them. "
           "I will quiz you about them afterwards.\n")


def flowing(text):
    """Line breaks inside paragraphs become spaces; a paragraph is a line."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def hide(text, facts):
    """`text` with each fact as a sentence of its own behind the first sentence that ends at or after its depth."""
    ends = [match.end(1) for match in re.finditer(r"([.!?]['\"]?) (?=['\"]?[A-Z])", text)]
    for depth, sentence in sorted(facts, reverse=True):
        place = next(end for end in ends if end >= depth * len(text))
        text = f"{text[:place]} {sentence}{text[place:]}"
    return text


def main(part, book, directory):
    with open(book, encoding="utf-8") as file:
        text = flowing(file.read())
    pages = part == "pages"
    text = text[:{"whole": len(text), "sixth": len(text) // 6, "pages": PAGES}[part]]
    hidden = FACTS[5:6] if pages else FACTS
    prompt = ("" if pages else OPENING) + hide(text, hidden)
    asked = dict(ASKED, begin="") if pages else ASKED  # a model that begins its answer as it likes
    facts = dict(asked, facts=[{"depth": depth, "sentence": sentence} for depth, sentence in hidden])
    for name, text in (("user.txt", prompt), ("question.txt", ASKED["question"]), ("answer.txt", asked["begin"]),
                       ("facts.json", json.dumps(facts, indent=1))):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(f"prompt: {os.path.join(directory, 'user.txt')}, {len(prompt):,} characters of {os.path.basename(book)} with "
          f"{len(hidden)} facts hidden in it")
    print(f"question: {ASKED['question']}   (the fact: \"{ASKED['needle']}\", {FACTS[5][0]:.0%} into it)")


if __name__ == "__main__":
    main(*sys.argv[1:])
