#include "launch/options/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>

#include "distributed/plan/limits.h"
#include "engine/base/error.h"
#include "engine/selection/filter_profile.h"
#include "launch/options/command_words.h"
#include "launch/options/environment.h"
#include "launch/options/option.h"
#include "launch/options/option_value.h"
#include "launch/options/parse.h"

namespace gemring {

RankRange parse_rank_range(const std::string& text) {
  RankRange range;
  const std::size_t dots = text.find("..");
  const auto number = [&](std::size_t begin, std::size_t end, int& value) {
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    return error == std::errc() && rest == text.data() + end && begin < end;
  };
  const bool one = dots == std::string::npos;
  if (!number(0, one ? text.size() : dots, range.first) || !number(one ? 0 : dots + 2, text.size(), range.last)) {
    throw UsageError({"--ranks", fmt::format("'{}' is no range", text), "write two numbers: 1..1024"});
  }
  if (range.first < 1 || range.last < range.first || range.last > kMostSimulatedRanks) {
    throw UsageError({"--ranks", fmt::format("{} is no range of ranks", text),
                      fmt::format("give A..B with 1 <= A <= B <= {}", kMostSimulatedRanks)});
  }
  return range;
}

namespace {

/// Numbers of `least` to `most` with commas between them.
std::vector<std::int32_t> parse_numbers(const std::string& text, const char* option, const char* what,
                                        std::int32_t least, std::int32_t most, const char* example) {
  std::vector<std::int32_t> numbers;
  for (const std::string& part : split_list(text)) {
    std::int32_t number = 0;
    const char* const end = part.data() + part.size();
    const auto [rest, error] = std::from_chars(part.data(), end, number);
    if (error != std::errc() || rest != end || number < least || number > most) {
      throw UsageError({option, fmt::format("'{}' is no list of {}", text, what),
                        fmt::format("write numbers of {} to {}: {}", least, most, example)});
    }
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

std::vector<std::int32_t> parse_lengths(const std::string& text) {
  constexpr std::int32_t kShortest = 256;
  constexpr const char* kExample = "2048,8192, or 1024..8192";
  std::vector<std::int32_t> lengths;
  for (std::string& part : split_list(text)) {
    const std::size_t dots = part.find("..");
    if (dots != std::string::npos) part.replace(dots, 2, ",");
    const std::vector<std::int32_t> ends =
        parse_numbers(part, "--lengths", "lengths", kShortest, kMostTokens, kExample);
    if (ends.front() > ends.back() || ends.size() > 2) {
      throw UsageError({"--lengths", fmt::format("'{}' is no list of lengths", text), kExample});
    }
    for (std::int64_t length = ends.front(); length <= ends.back(); length *= 2) {
      lengths.push_back(static_cast<std::int32_t>(length));
    }
  }
  return lengths;
}

std::vector<double> parse_depths(const std::string& text) {
  const std::vector<std::int32_t> depths = parse_numbers(text, "--depths", "depths", 0, 100, "0,25,50,75,100");
  return {depths.begin(), depths.end()};
}

std::vector<std::int32_t> parse_windows(const std::string& text) {
  return parse_numbers(text, "--windows", "windows", 0, kWidestWindow, "1024,0");
}

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  return parse_command_line(option_table(), arguments, process_environment());
}

std::vector<std::string> option_variables() {
  std::vector<std::string> variables;
  for (const OptionDescription& option : option_table()) {
    if (option.is_option()) variables.push_back(option_variable(option.name));
  }
  return variables;
}

std::string draw_seeds(Options& options) {
  const auto draw = [](std::uint64_t& seed, bool& wanted) -> std::string {
    if (!std::exchange(wanted, false)) return {};
    seed = std::random_device()();  // 32 bits
    return fmt::format("--seed -1: drew {}", seed);
  };
  std::string prompt = draw(options.bench.seed, options.bench.draw_seed);
  if (prompt.empty()) prompt = draw(options.calibrate.seed, options.calibrate.draw_seed);
  if (prompt.empty()) prompt = draw(options.eval.seed, options.eval.draw_seed);
  const std::string sampling = draw(options.generate.sampling.seed, options.generate.draw_seed);
  return prompt.empty() ? sampling : prompt;
}

}  // namespace gemring
