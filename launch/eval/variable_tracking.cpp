#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "launch/calibrate/draw.h"
#include "launch/eval/context.h"
#include "launch/eval/noise.h"
#include "launch/eval/task.h"

namespace gemring {
namespace {

constexpr std::size_t kHops = 4;
constexpr std::size_t kExampleLines = 10;  // of noise: RULER's worked example has 500 tokens

struct Chain {
  std::string value;
  std::vector<std::string> names;
};

/// "ABCDE = 12345", "FGHIJ = VAR ABCDE", ...
Chain draw_chain(Draw& draw, std::size_t letters) {
  Chain chain{fmt::format("{}", 10'000 + draw.below(90'000)), {}};
  std::set<std::string> taken;
  while (chain.names.size() < kHops + 1) {
    const std::string name = draw.letters(letters, 'A');
    if (taken.insert(name).second) chain.names.push_back(name);
  }
  return chain;
}

/// The chain's lines stand in their order, at drawn places between those of noise.
void add_chain(const Chain& chain, std::size_t lines, bool is_asked, Draw& draw, ContextText& text) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < chain.names.size(); ++i) places.push_back(draw.below(lines + 1));
  std::sort(places.begin(), places.end());
  std::size_t next = 0;
  for (std::size_t i = 0; i <= lines; ++i) {
    for (; next < places.size() && places[next] == i; ++next) {
      const std::string& name = chain.names[next];
      const std::string value = next == 0 ? chain.value : "VAR " + chain.names[next - 1];
      text.add(Fact{fmt::format("VAR {} = {}", name, value), is_asked ? name : std::string()});
      text.add("\n");
    }
    if (i == lines) continue;
    text.add(kNoise);
    text.add("\n");
  }
}

std::string question_of(const Chain& chain) {
  return fmt::format("Question: Find all variables that are assigned the value {} in the text above.", chain.value);
}

std::string answer_prefix_of(const Chain& chain) {
  return fmt::format(
      "Answer: According to the chain(s) of variable assignment in the text above, {} variables are assigned the value "
      "{}, they are:",
      chain.names.size(), chain.value);
}

EvalCase make_chain_case(const CaseShape& wanted) {
  constexpr const char* kInstruction =
      "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n";
  Draw draw(wanted.seed);
  const Chain example = draw_chain(draw, 3);
  const Chain chain = draw_chain(draw, 5);
  ContextText text(kInstruction);
  add_chain(example, kExampleLines, false, draw, text);
  text.add(fmt::format("{} {} {}\n\n\n{}", question_of(example), answer_prefix_of(example),
                       fmt::join(example.names, " "), kInstruction));
  add_chain(chain, wanted.amount, true, draw, text);
  std::string context = text.text();
  context.pop_back();  // the question begins a line of its own
  return {.context = std::move(context),
          .question = question_of(chain),
          .answer_prefix = answer_prefix_of(chain),
          .answers = chain.names,
          .places = text.places()};
}

}  // namespace

EvalTask variable_tracking() {
  return {.name = "vt",
          .category = TaskCategory::tracking,
          .max_new_tokens = 30,
          .any_answer = false,
          .has_depth = false,
          .make = make_chain_case};
}

}  // namespace gemring
