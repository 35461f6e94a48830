#include "launch/eval/words.h"

#include <iterator>

namespace gemring {
namespace {

constexpr std::string_view kAdjectives[] = {
    "able",     "ancient", "bitter", "bold",   "brave",  "brief",  "bright",  "broad",  "broken",  "calm",   "careful",
    "cheap",    "clean",   "clever", "cold",   "common", "cosy",   "crimson", "cruel",  "curious", "damp",   "dark",
    "deep",     "distant", "dry",    "dusty",  "eager",  "early",  "elder",   "empty",  "faint",   "fair",   "famous",
    "fancy",    "fierce",  "final",  "firm",   "flat",   "frozen", "full",    "gentle", "giant",   "golden", "grand",
    "grateful", "green",   "grim",   "happy",  "hasty",  "heavy",  "hidden",  "hollow", "honest",  "humble", "idle",
    "jolly",    "keen",    "kind",   "lame",   "large",  "late",   "lazy",    "light",  "lively",  "lonely", "loud",
    "loyal",    "lucky",   "mellow", "merry",  "mild",   "modest", "narrow",  "neat",   "noble",   "odd",    "pale",
    "patient",  "plain",   "polite", "proud",  "quaint", "quick",  "quiet",   "rapid",  "rare",    "rough",  "rusty",
    "secret",   "shallow", "silent", "silver", "sudden", "tender", "velvet",  "wild"};
constexpr std::string_view kNouns[] = {
    "acorn",    "anchor",  "apron",   "arrow",   "attic",   "badge",   "bakery",   "barrel",  "basket",  "beacon",
    "beetle",   "bishop",  "blanket", "bottle",  "branch",  "bridge",  "bucket",   "button",  "cabin",   "candle",
    "canyon",   "carpet",  "castle",  "cellar",  "chain",   "chapel",  "cherry",   "chimney", "circle",  "clock",
    "cloud",    "clover",  "coach",   "compass", "copper",  "cottage", "cradle",   "cricket", "crown",   "curtain",
    "dagger",   "desert",  "dolphin", "donkey",  "dragon",  "drawer",  "eagle",    "ember",   "engine",  "envelope",
    "falcon",   "feather", "fiddle",  "flame",   "flute",   "forest",  "fountain", "garden",  "gate",    "glacier",
    "goblet",   "granite", "hammer",  "hammock", "harbour", "hatchet", "helmet",   "hermit",  "hinge",   "island",
    "jacket",   "jasmine", "jewel",   "kettle",  "ladder",  "lagoon",  "lantern",  "leather", "library", "lizard",
    "locket",   "magnet",  "mantle",  "marble",  "market",  "meadow",  "mirror",   "mitten",  "monkey",  "mosaic",
    "mountain", "mustard", "napkin",  "needle",  "nettle",  "oak",     "orchard",  "otter",   "oven",    "paddle",
    "palace",   "parrot",  "pebble",  "pencil",  "pepper",  "pigeon",  "pillow",   "planet",  "pocket",  "prairie",
    "quarry",   "rabbit",  "ribbon",  "river",   "rocket",  "saddle",  "saffron",  "sailor",  "satchel", "shadow",
    "shelter",  "shovel",  "spider",  "spoon",   "stable",  "statue",  "stone",    "tailor",  "temple",  "thimble",
    "ticket",   "timber",  "tower",   "trumpet", "tunnel",  "turtle",  "valley",   "vessel",  "violin",  "walnut",
    "whistle",  "window",  "winter",  "zephyr"};

}  // namespace

std::span<const std::string_view> adjectives() {
  return kAdjectives;
}

std::span<const std::string_view> nouns() {
  return kNouns;
}

std::string DistinctWords::key() {
  std::string key = draw_.one_of(adjectives());
  key.append("-").append(draw_.one_of(nouns()));
  while (!taken_.insert(key).second) key.append("-").append(draw_.one_of(nouns()));
  return key;
}

std::string DistinctWords::word() {
  if (taken_.size() < std::size(kNouns) / 2) {
    const std::string noun = draw_.one_of(nouns());
    if (taken_.insert(noun).second) return noun;
  }
  std::string word = draw_.one_of(adjectives());
  word += draw_.one_of(adjectives());
  while (!taken_.insert(word).second) word += draw_.one_of(adjectives());
  return word;
}

}  // namespace gemring
