#include "launch/eval/report_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "launch/calibrate/xml_text.h"
#include "launch/eval/heat_map.h"
#include "launch/eval/summary.h"

namespace gemring {
namespace {

constexpr const char* kStyle =
    "body{font-family:sans-serif;margin:2em;color:#222;max-width:70em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}td.t{text-align:left}svg{margin:.5em 1em .5em 0;vertical-align:top}";
constexpr std::size_t kShownMistakes = 10;  // of each method

std::string html_table(const TableRows& rows) {
  std::string html = "<table>\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const char* tag = i == 0 ? "th" : "td";
    html += "<tr>";
    for (const std::string& text : rows[i]) html += fmt::format("<{0}>{1}</{0}>", tag, xml_text(text));
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string joined_references(const CaseResult& result) {
  std::string text;
  for (const std::string& reference : result.references) text += (text.empty() ? "" : ", ") + reference;
  return text;
}

std::string mistakes(std::span<const CaseResult> results, const std::string& method) {
  std::string html;
  std::size_t shown = 0;
  for (const CaseResult& result : results) {
    if (result.method != method || result.score >= 1 || shown == kShownMistakes) continue;
    ++shown;
    html +=
        fmt::format("<tr><td>{}</td><td>{:.2f}</td><td>{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td></tr>\n",
                    xml_text(result.id), result.score, result.recall ? fmt::format("{:.2f}", *result.recall) : "-",
                    xml_text(joined_references(result)), xml_text(result.answer));
  }
  if (html.empty()) return {};
  return fmt::format(
      "<h3>{}</h3>\n<table>\n<tr><th>case</th><th>score</th><th>recall</th><th>wanted</th><th>answer</th></tr>\n{}"
      "</table>\n",
      xml_text(method), html);
}

}  // namespace

std::string report_page(std::span<const CaseResult> results, const EvalSettings& settings, const std::string& title) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>{0}</title><style>{1}</style></head>\n"
      "<body>\n<h1>{0}</h1>\n",
      xml_text(title), kStyle);
  html +=
      "<p>Accuracy: percent of the references that answers contain, whatever their case. Recall: share of the answers' "
      "tokens among the kept ones. Seconds and kept tokens are medians. Retrieval, tracking and aggregation stand "
      "apart: "
      "what is counted over the whole text cannot be selected.</p>\n";
  html += html_table(category_rows(results));
  html += "<h2>Accuracy by task</h2>\n" + html_table(task_rows(results)) + "<h2>Heat maps</h2>\n";
  const std::vector<std::string> methods = methods_in(results);
  for (const std::string& method : methods) html += heat_map(results, method, method);
  std::string wrong;
  for (const std::string& method : methods) wrong += mistakes(results, method);
  if (!wrong.empty()) html += "<h2>Answers that miss something</h2>\n" + wrong;
  TableRows rows = {{"setting", "value"}};
  for (const auto& [name, value] : settings) rows.push_back({name, value});
  return html + "<h2>Settings</h2>\n" + html_table(rows) + "</body></html>\n";
}

}  // namespace gemring
