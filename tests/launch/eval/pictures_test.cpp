#include <gtest/gtest.h>

#include "launch/eval/heat_map.h"
#include "launch/eval/report_page.h"
#include "tests/launch/eval/results.h"

namespace gemring {
namespace {

/// What is wrong with the nesting of elements in XML; empty: nothing.
std::string nesting_problem(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    if (end == std::string::npos) return "a tag without end";
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find(' '));
    if (tag.starts_with('!') || tag.ends_with('/')) continue;
    if (!tag.starts_with('/')) {
      open.push_back(name);
    } else if (open.empty() || "/" + open.back() != name) {
      return name + " at " + std::to_string(at);
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " stays open";
}

using test::times;

std::vector<CaseResult> grid() {
  return {test::case_result("niah_single_2", 1024, 0, "full", 1),
          test::case_result("niah_single_2", 1024, 100, "full", 0),
          test::case_result("niah_single_2", 4096, 0, "full", 0.5),
          test::case_result("niah_single_2", 1024, 0, "profile=<a>&.json", 1)};
}

TEST(HeatMap, HasACellForEachDepthAndLengthThatWasAsked) {
  const std::string svg = heat_map(grid(), "full", "<model> & more");
  EXPECT_TRUE(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
  EXPECT_EQ(nesting_problem(svg), "");
  EXPECT_NE(svg.find("&lt;model&gt; &amp; more"), std::string::npos);
  EXPECT_EQ(times(svg, "stroke=\"#fff\""), 3u) << "two lengths, two depths, one of them never asked";
  EXPECT_EQ(times(svg, "#009e73"), 1u) << "all right";
  EXPECT_EQ(times(svg, "#d55e00"), 1u) << "all wrong";
  EXPECT_EQ(times(svg, "#f0e442"), 1u) << "half";
  EXPECT_NE(svg.find(">100 %<"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(HeatMap, SeveralTasksAreItsRows) {
  std::vector<CaseResult> results = grid();
  results.push_back(test::case_result("fwe", 1024, 0, "full", 1));
  const std::string svg = heat_map(results, "full", "m");
  EXPECT_NE(svg.find(">fwe<"), std::string::npos);
  EXPECT_NE(svg.find(">niah_single_2<"), std::string::npos);
  EXPECT_EQ(svg.find(" %<"), std::string::npos);
}

TEST(HeatMap, FilesHaveNamesThatEveryShellLikes) {
  EXPECT_EQ(heat_map_file("full"), "heatmap-full.svg");
  EXPECT_EQ(heat_map_file("profile=/a b/c.json"), "heatmap-profile--a-b-c.json.svg");
}

TEST(ReportPage, IsWellFormedAndNeedsNoOtherFile) {
  const std::string page = report_page(grid(), {{"--keep", "<512>"}}, "gemring eval: <model>");
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_EQ(nesting_problem(page), "");
  EXPECT_EQ(times(page, "<svg"), 2u);
  EXPECT_EQ(times(page, "http"), 2u) << "the namespaces of the pictures alone";
  EXPECT_NE(page.find("gemring eval: &lt;model&gt;"), std::string::npos);
  EXPECT_NE(page.find("<td>--keep</td><td>&lt;512&gt;</td>"), std::string::npos);
  EXPECT_NE(page.find("niah_single_2/4096/0/0"), std::string::npos) << "an answer that misses something";
  EXPECT_EQ(page.find("<b>"), std::string::npos) << "answers are no markup";
}

}  // namespace
}  // namespace gemring
