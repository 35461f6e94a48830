#include "launch/eval/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "launch/calibrate/xml_text.h"
#include "launch/eval/summary.h"

namespace gemring {
namespace {

constexpr double kCellWidth = 72, kCellHeight = 40, kMarginTop = 56, kMarginLeft = 132, kMarginEnd = 16;
constexpr double kCharacterWidth = 7.2;  // of the heading, about

/// What a row stands for; rows sort by it.
struct RowKey {
  double depth = 0;
  std::string task;
  auto operator<=>(const RowKey&) const = default;
};

/// From vermilion over yellow to green, which all eyes tell apart.
std::string colour_of(double share) {
  constexpr double kLow[] = {213, 94, 0}, kMiddle[] = {240, 228, 66}, kHigh[] = {0, 158, 115};
  const double* from = share < 0.5 ? kLow : kMiddle;
  const double* to = share < 0.5 ? kMiddle : kHigh;
  const double t = share < 0.5 ? 2 * share : 2 * share - 1;
  const auto mixed = [&](int i) { return static_cast<int>(std::lround(from[i] + t * (to[i] - from[i]))); };
  return fmt::format("#{:02x}{:02x}{:02x}", mixed(0), mixed(1), mixed(2));
}

std::string label(double x, double y, const char* anchor, const std::string& text, int size = 12) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\">{}</text>\n", x, y, anchor,
                     size, xml_text(text));
}

std::string cell(double x, double y, const CaseSummary& summary) {
  std::string svg = fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"#fff\" stroke-width=\"2\"/>\n",
      x, y, kCellWidth, kCellHeight, colour_of(summary.accuracy / 100));
  svg += label(x + kCellWidth / 2, y + 18, "middle", fmt::format("{:.0f}", summary.accuracy), 14);
  if (summary.recall) {
    svg += label(x + kCellWidth / 2, y + 33, "middle", fmt::format("recall {:.2f}", *summary.recall), 10);
  }
  return svg;
}

}  // namespace

std::string heat_map(std::span<const CaseResult> results, const std::string& method, const std::string& title) {
  const bool by_depth = std::all_of(results.begin(), results.end(), [&](const CaseResult& result) {
    return result.depth && result.task == results.front().task && result.category == TaskCategory::retrieval;
  });
  std::set<std::int32_t> lengths;
  std::map<RowKey, std::map<std::int32_t, std::vector<const CaseResult*>>> rows;
  for (const CaseResult& result : results) {
    if (result.method != method) continue;
    lengths.insert(result.length);
    const RowKey key{by_depth ? *result.depth : static_cast<double>(result.category), result.task};
    rows[key][result.length].push_back(&result);
  }
  const std::string heading = fmt::format("{}: accuracy in percent", title);
  const double width = std::max(kMarginLeft + kCellWidth * static_cast<double>(lengths.size()) + kMarginEnd,
                                kCharacterWidth * static_cast<double>(heading.size()) + kMarginEnd);
  const double height = kMarginTop + kCellHeight * static_cast<double>(rows.size()) + kMarginEnd;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" fill=\"#222\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      width, height);
  svg += label(8, 18, "start", heading, 13);
  svg += label(kMarginLeft - 8, kMarginTop - 10, "end", by_depth ? "depth, length" : "task, length");
  std::size_t column = 0;
  for (const std::int32_t length : lengths) {
    const double x = kMarginLeft + kCellWidth * static_cast<double>(column++);
    svg += label(x + kCellWidth / 2, kMarginTop - 10, "middle", fmt::format("{}", length));
    std::size_t line = 0;
    for (const auto& entry : rows) {
      const double y = kMarginTop + kCellHeight * static_cast<double>(line++);
      const auto found = entry.second.find(length);
      if (found != entry.second.end()) svg += cell(x, y, summary_of(found->second));
    }
  }
  std::size_t line = 0;
  for (const auto& entry : rows) {
    const double y = kMarginTop + kCellHeight * (static_cast<double>(line++) + 0.5) + 4;
    svg += label(kMarginLeft - 8, y, "end", by_depth ? fmt::format("{} %", entry.first.depth) : entry.first.task);
  }
  return svg + "</svg>\n";
}

std::string heat_map_file(const std::string& method) {
  std::string safe;
  for (const char c : method) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    safe += plain ? c : '-';
  }
  return fmt::format("heatmap-{}.svg", safe);
}

}  // namespace gemring
