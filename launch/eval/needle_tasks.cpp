#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "launch/eval/context.h"
#include "launch/eval/noise.h"
#include "launch/eval/task.h"
#include "launch/eval/words.h"

namespace gemring {
namespace {

enum class Haystack { noise, essay, needles };
enum class Kind { numbers, words, uuids };

/// What RULER's tasks of needles differ in.
struct NeedleShape {
  Haystack haystack = Haystack::essay;
  Kind keys = Kind::words;
  Kind values = Kind::numbers;
  std::size_t key_count = 1;      // keys in the text
  std::size_t values_of_key = 1;  // needles with each
  std::size_t asked = 1;          // keys that are asked for
};

const char* plural(Kind kind) {
  return kind == Kind::numbers ? "numbers" : kind == Kind::words ? "words" : "uuids";
}

class NeedleMaker {
 public:
  NeedleMaker(const NeedleShape& shape, std::uint64_t seed) : shape_(shape), draw_(seed), words_(draw_) {}

  /// Draws keys and needles; the asked ones are the first.
  void make_needles() {
    for (std::size_t key = 0; key < shape_.key_count; ++key) {
      keys_.push_back(one(shape_.keys));
      for (std::size_t value = 0; value < shape_.values_of_key; ++value) {
        const std::string drawn = one(shape_.values);
        needles_.push_back(needle(keys_.back(), drawn, key < shape_.asked));
        if (key < shape_.asked) answers_.push_back(drawn);
      }
    }
  }

  Fact decoy() {
    const std::string key = one(shape_.keys);
    return needle(key, one(shape_.values), false);
  }

  /// "amber-otter, and quiet-river"
  std::string query() const {
    std::string text = keys_.at(0);
    for (std::size_t i = 1; i < shape_.asked; ++i) text += (i + 1 < shape_.asked ? ", " : ", and ") + keys_.at(i);
    return text;
  }

  const std::vector<Fact>& needles() const { return needles_; }
  const std::vector<std::string>& answers() const { return answers_; }
  Draw& draw() { return draw_; }

 private:
  std::string one(Kind kind) {
    return kind == Kind::numbers ? draw_.number() : kind == Kind::words ? words_.key() : draw_.uuid();
  }
  Fact needle(const std::string& key, const std::string& value, bool is_asked) const {
    return {fmt::format("One of the special magic {} for {} is: {}.", plural(shape_.values), key, value),
            is_asked ? value : std::string()};
  }

  NeedleShape shape_;
  Draw draw_;
  DistinctWords words_;
  std::vector<std::string> keys_;
  std::vector<Fact> needles_;
  std::vector<std::string> answers_;
};

/// Depths in order of the text: the first needle's, and for the others some of RULER's 40, none twice.
std::vector<std::pair<double, std::size_t>> depths_of(std::size_t needles, double first, Draw& draw) {
  constexpr int kDepths = 40;
  std::vector<double> others;
  others.reserve(kDepths);
  for (int i = 0; i < kDepths; ++i) others.push_back(std::round(100.0 * i / (kDepths - 1)) / 100);
  draw.shuffle(others);
  std::vector<std::pair<double, std::size_t>> depths = {{first, 0}};
  for (std::size_t i = 1; i < needles; ++i) depths.emplace_back(others.at(i - 1), i);
  std::sort(depths.begin(), depths.end());
  return depths;
}

bool ends_sentence(std::string_view word) {
  const std::size_t last = word.find_last_not_of("\"')_");
  return last != std::string_view::npos && (word[last] == '.' || word[last] == '!' || word[last] == '?');
}

/// `words` words of the books from a place of its own; needles stand at the ends of the sentences that are nearest to
/// their depths.
void fill_essay(const Hay& hay, std::size_t words, double depth, NeedleMaker& maker, ContextText& text) {
  const std::size_t start = maker.draw().below(hay.size());
  std::vector<std::size_t> ends = {0};  // counts of words in front
  for (std::size_t i = 0; i < words; ++i) {
    if (ends_sentence(hay.word(start + i)) || i + 1 == words) ends.push_back(i + 1);
  }
  const auto depths = depths_of(maker.needles().size(), depth, maker.draw());
  std::vector<std::size_t> places;
  for (const auto& [share, needle] : depths) {
    const double wanted = share * static_cast<double>(words);
    const auto after = std::lower_bound(ends.begin(), ends.end(), wanted,
                                        [](std::size_t end, double at) { return static_cast<double>(end) < at; });
    const auto before = after == ends.begin() ? after : std::prev(after);
    const bool is_before =
        after == ends.end() || wanted - static_cast<double>(*before) <= static_cast<double>(*after) - wanted;
    places.push_back(is_before ? *before : *after);
  }
  std::size_t next = 0;
  std::string_view between;
  const auto add = [&](const auto& piece) {
    text.add(between);
    text.add(piece);
    between = " ";
  };
  for (std::size_t i = 0; i <= words; ++i) {
    while (next < places.size() && places[next] == i) add(maker.needles()[depths[next++].second]);
    if (i < words) add(hay.word(start + i));
  }
}

/// Lines of noise, or of needles that nobody asks for, with the needles between them.
void fill_lines(Haystack haystack, std::size_t lines, double depth, NeedleMaker& maker, ContextText& text) {
  const auto depths = depths_of(maker.needles().size(), depth, maker.draw());
  std::size_t next = 0;
  std::string_view between;
  const auto add = [&](const Fact& line) {
    text.add(between);
    text.add(line);
    between = "\n";
  };
  for (std::size_t i = 0; i <= lines; ++i) {
    const auto is_here = [&] {
      return next < depths.size() &&
             static_cast<std::size_t>(std::lround(depths[next].first * static_cast<double>(lines))) == i;
    };
    while (is_here()) add(maker.needles()[depths[next++].second]);
    if (i < lines) add(haystack == Haystack::noise ? Fact{std::string(kNoise), {}} : maker.decoy());
  }
}

EvalCase make_case(const NeedleShape& shape, const Hay& hay, const CaseShape& wanted) {
  NeedleMaker maker(shape, wanted.seed);
  maker.make_needles();
  const bool one = shape.asked * shape.values_of_key == 1;
  const std::string kinds = plural(shape.values);
  const std::string kind = one ? kinds.substr(0, kinds.size() - 1) : kinds;
  ContextText text(
      fmt::format("{} special magic {} {} hidden within the following text. Make sure to memorize it. I "
                  "will quiz you about the {} afterwards.\n",
                  one ? "A" : "Some", kind, one ? "is" : "are", kind));
  if (shape.haystack == Haystack::essay)
    fill_essay(hay, wanted.amount, wanted.depth, maker, text);
  else
    fill_lines(shape.haystack, wanted.amount, wanted.depth, maker, text);
  const std::string query = maker.query();
  return {.context = text.text(),
          .question = fmt::format("What {} the special magic {} for {} mentioned in the provided text?",
                                  one ? "is" : "are all", kind, query),
          .answer_prefix = fmt::format("The special magic {} for {} mentioned in the provided text {}", kind, query,
                                       one ? "is" : "are"),
          .answers = maker.answers(),
          .places = text.places()};
}

}  // namespace

std::vector<EvalTask> needle_tasks(const Hay& hay) {
  using enum Haystack;
  using enum Kind;
  const std::vector<std::pair<const char*, NeedleShape>> shapes = {
      {"niah_single_1", {noise, words, numbers, 1, 1, 1}},
      {"niah_single_2", {essay, words, numbers, 1, 1, 1}},
      {"niah_single_3", {essay, words, uuids, 1, 1, 1}},
      {"niah_multikey_1", {essay, words, numbers, 4, 1, 1}},
      {"niah_multikey_2", {Haystack::needles, words, numbers, 1, 1, 1}},
      {"niah_multikey_3", {Haystack::needles, uuids, uuids, 1, 1, 1}},
      {"niah_multivalue", {essay, words, numbers, 1, 4, 1}},
      {"niah_multiquery", {essay, words, numbers, 4, 1, 4}}};
  std::vector<EvalTask> tasks;
  for (const auto& entry : shapes) {
    const NeedleShape shape = entry.second;
    tasks.push_back({.name = entry.first,
                     .category = TaskCategory::retrieval,
                     .max_new_tokens = 128,
                     .any_answer = false,
                     .has_depth = true,
                     .make = [shape, &hay](const CaseShape& wanted) { return make_case(shape, hay, wanted); }});
  }
  return tasks;
}

}  // namespace gemring
