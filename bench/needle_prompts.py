"""Prompts in the layout that the bundled model was trained on (launch/demo-data/model/README.md): a piece of a book
with eight facts hidden in it, a question about one of them, and the beginning of the answer."""

import collections
import os
import random
import re
import sys

import bpe
import measure

sys.path.insert(0, os.path.join(measure.ROOT, "launch", "tools"))
import demo_prompt  # noqa: E402

FACTS = 8
CHARACTERS_PER_TOKEN = 3  # a little more than the tokenizer makes of a book
# Words that the model knows.
ADJECTIVES = ("tough sleepy rough smooth spicy quiet witty lively swift secret silent wise stable jolly humble golden "
              "patient noble polite rare lucky brave modern young amber mellow").split()
NOUNS = ("feather helmet candle engine bucket signal violin carpet cradle bridge saddle spider hammer banana pumpkin "
         "panther magnet arrow shovel bottle harbor statue ocean pepper wizard paddle").split()
SECRETS = "castle sailor desert ribbon thunder anchor forest fountain parrot circle pebble salmon lantern mirror".split()
NAMES = "Mabel Edwin Karl Nora Ivan Greta Walter Frank Dora Paul Martha Peter Victor Oscar Stella Lucy".split()
COLOURS = "brown yellow grey purple white blue green black red pink".split()
PLACES = "orchard library tower boathouse palace workshop barn courtyard tavern hall".split()

Fact = collections.namedtuple("Fact", "sentence answer question begin")
Prompt = collections.namedtuple("Prompt", "text question tokens question_tokens needle_tokens answer")


def number_fact(draw, adjective, noun):
    thing = adjective + draw.choice("- ") + noun
    number = str(draw.randrange(1000000, 10000000))
    return Fact(f"One of the special magic numbers for {thing} is: {number}.", number,
                f"What is the special magic number for {thing}?", f"The special magic number for {thing} is:")


def place_fact(draw, adjective, name):
    colour, place = draw.choice(COLOURS), f"{adjective} {draw.choice(PLACES)}"
    return Fact(f"{name} keeps the {colour} key in the {place}.", place, f"Where does {name} keep the {colour} key?",
                f"{name} keeps the {colour} key in the")


def password_fact(draw, adjective, noun):
    password = "-".join(draw.sample(SECRETS, 2))
    return Fact(f"The password of the {adjective} {noun} is {password}.", password,
                f"What is the password of the {adjective} {noun}?", f"The password of the {adjective} {noun} is")


def draw_facts(draw, kind):
    """FACTS facts that share no subject, the one asked for first; `kind` of it: 0 number, 1 place, 2 password."""
    adjectives, nouns, names = (draw.sample(words, FACTS) for words in (ADJECTIVES, NOUNS, NAMES))
    kinds = [kind] + [draw.randrange(3) for _ in range(FACTS - 1)]
    makers = (number_fact, place_fact, password_fact)
    subjects = (nouns, names, nouns)
    return [makers[k](draw, adjectives[i], subjects[k][i]) for i, k in enumerate(kinds)]


def window(draw, book, characters):
    """`characters` of the book from the beginning of a random sentence on."""
    if characters >= len(book):
        raise SystemExit(f"the book has {len(book):,} characters, {characters:,} are wanted: give a longer one")
    starts = [i + 2 for i in range(len(book) - characters - 2) if book[i:i + 2] == ". " and book[i + 2].isupper()]
    start = draw.choice(starts or [0])
    return book[start:start + characters]


def hide(text, facts):
    """`text` with each (depth, sentence) behind the first sentence that ends at or after its depth
    (0..1), or at the end."""
    ends = [match.end(1) for match in re.finditer(r"([.!?]['\"]?) (?=['\"]?[A-Z])", text)] + [len(text)]
    pieces = []
    done = 0
    for depth, sentence in sorted(facts):
        place = next(end for end in ends if end >= min(depth, 1) * len(text))
        pieces += [text[done:place], " ", sentence]
        done = place
    return "".join(pieces) + text[done:]


def longest_prompt(tokenizer, text, facts, question, wanted):
    """(prompt, ends of the tokens of prompt and question) of as many sentences of `text` as `wanted` tokens hold."""
    sentence_ends = [match.end() for match in re.finditer(r"[.!?]['\"]?(?=\s)", text)]

    def with_sentences(count):
        prompt = "<|im_start|>user\n" + demo_prompt.OPENING + hide(text[:sentence_ends[count - 1]], facts)
        return prompt, tokenizer.ends(f"{prompt}\n{question}")

    low, high = 1, len(sentence_ends)  # `low` sentences always fit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(with_sentences(middle)[1]) <= wanted else (low, middle - 1)
    return with_sentences(low)


def build(tokenizer, book, wanted, depth, kind, seed):
    """A prompt of 90 to 100 % of `wanted` tokens, question included; the needle at `depth` (0..1)."""
    draw = random.Random(seed)
    asked, *others = draw_facts(draw, kind)
    facts = [(depth, asked.sentence)]
    facts += [((i + draw.random()) / len(others), fact.sentence) for i, fact in enumerate(others)]
    question = f"{asked.question}<|im_end|>\n<|im_start|>assistant\n{asked.begin}"
    ends = []
    while not 0.9 * wanted <= len(ends) <= wanted:  # a window may begin with a very long sentence: draw another
        text = window(draw, book, min(CHARACTERS_PER_TOKEN * wanted, len(book) - 1))
        prompt, ends = longest_prompt(tokenizer, text, facts, question, wanted)
    whole = f"{prompt}\n{question}"
    begin = whole.index(asked.sentence)
    needle = [i for i, end in enumerate(ends) if begin < end <= begin + len(asked.sentence)]
    question_tokens = sum(end > len(prompt) + 1 for end in ends)
    return Prompt(prompt, question, len(ends), question_tokens, needle, asked.answer)
