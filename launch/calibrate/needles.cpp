#include "launch/calibrate/needles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "launch/calibrate/draw.h"

namespace gemring {
namespace {

constexpr std::array<std::string_view, 24> kThings = {"harbour", "lantern", "orchard", "compass", "violin",  "granite",
                                                      "meadow",  "saffron", "tunnel",  "walnut",  "zephyr",  "bishop",
                                                      "cradle",  "dolphin", "ember",   "falcon",  "glacier", "hammock",
                                                      "island",  "jasmine", "kettle",  "lagoon",  "mustard", "needle"};
constexpr std::array<std::string_view, 16> kManners = {"quiet",   "golden", "broken", "distant", "hollow", "crimson",
                                                       "silver",  "bitter", "gentle", "frozen",  "hidden", "narrow",
                                                       "patient", "rusty",  "sudden", "velvet"};
constexpr std::array<std::string_view, 12> kPeople = {"Alvarez", "Brandt",    "Castellan", "Dunmore",
                                                      "Eriksen", "Fontaine",  "Galloway",  "Hartmann",
                                                      "Ivanova", "Jorgensen", "Kowalski",  "Lindqvist"};
constexpr std::array<std::string_view, 12> kTowns = {"Trieste", "Bergen",  "Cartagena", "Odessa",
                                                     "Galway",  "Riga",    "Porto",     "Ravenna",
                                                     "Tallinn", "Uppsala", "Valletta",  "Zagreb"};

std::string key_of(Draw& draw) {
  const std::string thing = draw.one_of(kThings);  // one by one: compilers differ in the order of arguments
  return fmt::format("{}-{}", draw.one_of(kManners), thing);
}

/// Behind each sentence; the text's end is the last.
std::vector<std::size_t> sentence_ends(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const bool ends_here = text[i] == '.' || text[i] == '!' || text[i] == '?';
    if (ends_here && (text[i + 1] == ' ' || text[i + 1] == '\n')) ends.push_back(i + 1);
  }
  ends.push_back(text.size());
  return ends;
}

/// Each fact stands in a part of its own of the text. The last one first: the others' places stay where they were.
std::string hide(std::string_view hay, const std::vector<std::string>& facts, Draw& draw) {
  const std::vector<std::size_t> ends = sentence_ends(hay);
  std::string text(hay);
  for (std::size_t i = facts.size(); i-- > 0;) {
    const std::size_t first = ends.size() * i / facts.size();
    const std::size_t places = ends.size() * (i + 1) / facts.size() - first;
    text.insert(ends[first + (places > 0 ? draw.below(places) : 0)], " " + facts[i]);
  }
  return text;
}

std::string magic(std::string_view type, std::string_view key, std::string_view value) {
  return fmt::format("One of the special magic {} for {} is: {}.", type, key, value);
}

struct Asked {
  std::string question;
  std::vector<std::pair<std::string, std::string>> facts;  // and their answers; none: a fact that nobody asks for
};

Asked ask_magic(std::string_view type, const std::string& value, Draw& draw) {
  std::string key = key_of(draw);
  while (key == value) key = key_of(draw);  // the question would give the answer away
  return {fmt::format("What is the special magic {} for {} mentioned in the provided text?",
                      type.substr(0, type.size() - 1), key),
          {{magic(type, key, value), value}}};
}

Asked ask_fact(Draw& draw) {
  const std::string person = draw.one_of(kPeople), town = draw.one_of(kTowns), thing = draw.one_of(kThings);
  switch (draw.below(3)) {
    case 0:
      return {fmt::format("In which town does {}'s sister live?", person),
              {{fmt::format("The only sister of {} settled in {} many years ago.", person, town), town}}};
    case 1:
      return {fmt::format("What did {} pay for the journey with?", person),
              {{fmt::format("To cover the fare, {} handed the captain a {}.", person, thing), thing}}};
    default:
      return {fmt::format("Where was {} born?", person),
              {{fmt::format("{} came into the world in a small house near {}.", person, town), town}}};
  }
}

struct Paraphrase {
  std::string_view question;
  std::string_view before, behind;  // the answer in the fact
  std::array<std::string_view, 4> answers;
};

// Heads of early layers that look for equal words find nothing here; those that find what is meant do.
constexpr std::array kParaphrases = {
    Paraphrase{"Which animal frightened the night watchman?",
               "Late one evening a ",
               " scared the guard out of his wits.",
               {"heron", "badger", "leopard", "goose"}},
    Paraphrase{"What was the doctor's dog called?",
               "The physician's hound answered to the name of ",
               ".",
               {"Bramble", "Juno", "Pepper", "Oskar"}},
    Paraphrase{"What did the farmer grow behind his barn?",
               "At the back of the shed the old peasant raised nothing but ",
               ".",
               {"turnips", "asparagus", "hemp", "pumpkins"}},
    Paraphrase{"How does the teacher get to work?",
               "Every morning the schoolmistress comes to her classroom by ",
               ".",
               {"bicycle", "tram", "ferry", "sledge"}},
    Paraphrase{"Which instrument does the blacksmith play?",
               "On quiet Sundays the man of the forge takes out his ",
               " and performs for the children.",
               {"violin", "trumpet", "banjo", "cello"}},
    Paraphrase{"What killed the king?",
               "His Majesty perished of ",
               " in the end.",
               {"pneumonia", "cholera", "hunger", "smallpox"}},
    Paraphrase{"Why was the train late?",
               "The express did not arrive on time because of ",
               " on the rails.",
               {"sheep", "leaves", "snow", "boulders"}},
    Paraphrase{"What colour is the lighthouse?",
               "They painted the tower that guides the ships bright ",
               ".",
               {"orange", "purple", "yellow", "turquoise"}},
    Paraphrase{"Where did the thief hide the money?",
               "The robber buried what he had taken beneath the ",
               ".",
               {"altar", "pigsty", "gallows", "staircase"}},
    Paraphrase{"What is the baker's favourite drink?",
               "Nothing pleases the man who makes our bread more than a glass of ",
               ".",
               {"cider", "buttermilk", "brandy", "lemonade"}},
    Paraphrase{"Who won the race?",
               "The first to cross the finishing line was the ",
               ".",
               {"postman", "gardener", "miller", "tailor"}},
    Paraphrase{"What did the sailor bring his wife from the voyage?",
               "When the seaman came home, his spouse unpacked a ",
               " from his trunk.",
               {"parrot", "shawl", "clock", "mandolin"}},
};

Asked ask_paraphrase(Draw& draw) {
  const Paraphrase& one = kParaphrases.at(draw.below(kParaphrases.size()));
  const std::string answer = draw.one_of(one.answers);
  return {std::string(one.question), {{fmt::format("{}{}{}", one.before, answer, one.behind), answer}}};
}

Asked ask_several(std::size_t asked, std::size_t all, Draw& draw) {
  Asked result;
  std::vector<std::string> keys;
  while (keys.size() < all) {
    std::string key = key_of(draw);
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
  }
  for (std::size_t i = 0; i < all; ++i) {
    const std::string value = draw.number();
    result.facts.emplace_back(magic("numbers", keys[i], value), i < asked ? value : std::string());
  }
  result.question =
      asked == 1 ? fmt::format("What is the special magic number for {} mentioned in the provided text?", keys[0])
                 : fmt::format("What are the special magic numbers for {} and {} mentioned in the provided text?",
                               keys[0], keys[1]);
  std::rotate(result.facts.begin(), result.facts.begin() + static_cast<std::ptrdiff_t>(draw.below(all)),
              result.facts.end());
  return result;
}

Asked ask(NeedleKind kind, Draw& draw) {
  switch (kind) {
    case NeedleKind::number:
      return ask_magic("numbers", draw.number(), draw);
    case NeedleKind::word:
      return ask_magic("words", key_of(draw), draw);
    case NeedleKind::uuid:
      return ask_magic("uuids", draw.uuid(), draw);
    case NeedleKind::fact:
      return ask_fact(draw);
    case NeedleKind::many_keys:
      return ask_several(1, 4, draw);
    case NeedleKind::two_facts:
      return ask_several(2, 2, draw);
    case NeedleKind::paraphrase:
      return ask_paraphrase(draw);
  }
  return {};
}

}  // namespace

std::string_view name(NeedleKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"number",    "word",      "uuid",      "fact",
                                                      "many keys", "two facts", "paraphrase"};
  return kNames.at(static_cast<std::size_t>(kind));
}

Needle make_needle(NeedleKind kind, std::string_view hay, std::uint64_t seed) {
  Draw draw(seed);
  const Asked asked = ask(kind, draw);
  std::vector<std::string> sentences;
  Needle needle{.kind = std::string(name(kind)), .text = {}, .question = asked.question, .facts = {}, .answers = {}};
  for (const auto& [fact, answer] : asked.facts) {
    sentences.push_back(fact);
    if (answer.empty()) continue;
    needle.facts.push_back(fact);
    needle.answers.push_back(answer);
  }
  needle.text = hide(hay, sentences, draw);
  return needle;
}

}  // namespace gemring
