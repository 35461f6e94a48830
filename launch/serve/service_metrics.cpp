#include "launch/serve/service_metrics.h"

#include <fmt/format.h>

#include <array>

namespace gemring {
namespace {

/// A value of a label.
std::string escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string one_value(const char* name, const char* type, const char* help, const std::string& labels, double value) {
  return fmt::format("# HELP gemring_{0} {2}\n# TYPE gemring_{0} {1}\ngemring_{0}{{{3}}} {4}\n", name, type, help,
                     labels, value);
}

}  // namespace

void Histogram::add(double value) {
  for (std::size_t i = 0; i < bounds_.size(); ++i) counts_[i] += value <= bounds_[i] ? 1 : 0;
  ++count_;
  sum_ += value;
}

std::string Histogram::text(const std::string& name, const std::string& help, const std::string& labels) const {
  std::string text = fmt::format("# HELP gemring_{0} {1}\n# TYPE gemring_{0} histogram\n", name, help);
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    text += fmt::format("gemring_{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bounds_[i], counts_[i]);
  }
  return text +
         fmt::format(
             "gemring_{0}_bucket{{{1},le=\"+Inf\"}} {2}\ngemring_{0}_sum{{{1}}} {3}\ngemring_{0}_count{{{1}}} {2}\n",
             name, labels, count_, sum_);
}

void ServiceMetrics::count_answer(const FinishedAnswer& answer) {
  const AnswerFigures& figures = answer.figures;
  count_end(answer.finish_reason);
  prompt_ += static_cast<std::uint64_t>(figures.prompt_tokens);
  cached_ += static_cast<std::uint64_t>(figures.cached_tokens);
  kept_ += static_cast<std::uint64_t>(figures.kept_tokens);
  generated_ += static_cast<std::uint64_t>(figures.completion_tokens);
  first_token_.add(figures.queue_seconds + figures.first_token_seconds);
  all_.add(figures.queue_seconds + figures.seconds);
  queue_.add(figures.queue_seconds);
  filter_.add(figures.filter_seconds);
  decode_.add(figures.seconds - figures.first_token_seconds);
  prompt_tokens_.add(figures.prompt_tokens);
  generated_tokens_.add(figures.completion_tokens);
}

std::string ServiceMetrics::text(std::size_t running, std::size_t waiting) const {
  const std::string labels = fmt::format("model_name=\"{}\"", escaped(model_));
  std::string text =
      one_value("num_requests_running", "gauge", "Requests that were taken up", labels, static_cast<double>(running)) +
      one_value("num_requests_waiting", "gauge", "Requests in the queue", labels, static_cast<double>(waiting)) +
      one_value("prompt_tokens_total", "counter", "Tokens of prompts", labels, static_cast<double>(prompt_)) +
      one_value("cached_tokens_total", "counter", "Of these, read before", labels, static_cast<double>(cached_)) +
      one_value("kept_tokens_total", "counter", "Tokens that the answering model read", labels,
                static_cast<double>(kept_)) +
      one_value("generation_tokens_total", "counter", "Tokens of answers", labels, static_cast<double>(generated_));
  text +=
      "# HELP gemring_request_success_total Requests by how they ended\n# TYPE gemring_request_success_total counter\n";
  for (const char* const reason : {"stop", "length", "cancelled", "error", "refused"}) {
    const auto found = ends_.find(reason);
    text += fmt::format("gemring_request_success_total{{{},finished_reason=\"{}\"}} {}\n", labels, reason,
                        found == ends_.end() ? 0 : found->second);
  }
  return text +
         first_token_.text("time_to_first_token_seconds", "From a request's arrival to its first token", labels) +
         all_.text("e2e_request_latency_seconds", "From a request's arrival to its last token", labels) +
         queue_.text("request_queue_time_seconds", "Until a request was taken up", labels) +
         filter_.text("request_filter_time_seconds", "Until its tokens were selected", labels) +
         decode_.text("request_decode_time_seconds", "From the first token to the last", labels) +
         prompt_tokens_.text("request_prompt_tokens", "Tokens of a prompt", labels) +
         generated_tokens_.text("request_generation_tokens", "Tokens of an answer", labels);
}

}  // namespace gemring
