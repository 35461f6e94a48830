#include "launch/output/trace_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "distributed/session/rank_trace.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "launch/output/json_line_text.h"

namespace gemring {
namespace {

/// A phase of a rank, all runs of it together.
struct PhaseSummary {
  RankId rank;
  std::string name;
  int runs = 0;
  std::int64_t duration = 0;
  KindTimes kinds{};

  std::int64_t of(SpanKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  std::int64_t rest() const { return duration - of(SpanKind::product) - of(SpanKind::attention) - of(SpanKind::wait); }
  double share(std::int64_t time) const {
    return duration > 0 ? static_cast<double>(time) / static_cast<double>(duration) : 0;
  }
};

std::vector<PhaseSummary> summarise(const RankTrace& trace) {
  std::vector<PhaseSummary> summaries;
  for (const PhaseRecord& phase : trace.phases) {
    auto found = std::find_if(summaries.begin(), summaries.end(),
                              [&](const PhaseSummary& summary) { return summary.name == phase.name; });
    if (found == summaries.end())
      found = summaries.insert(summaries.end(), {.rank = trace.rank, .name = phase.name, .kinds = {}});
    ++found->runs;
    found->duration += phase.duration;
    for (std::size_t i = 0; i < kSpanKinds; ++i) found->kinds[i] += phase.kinds[i];
  }
  return summaries;
}

bool is_rest(std::size_t kind) {
  const auto value = static_cast<SpanKind>(kind);
  return value != SpanKind::product && value != SpanKind::attention && value != SpanKind::wait;
}

double seconds(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-9;
}

std::string log_line(const PhaseSummary& phase) {
  std::string rest;
  for (std::size_t i = 0; i < kSpanKinds; ++i) {
    const double percent = 100 * phase.share(phase.kinds[i]);
    if (is_rest(i) && percent >= 0.05)
      rest += fmt::format("{}{} {:.1f}", rest.empty() ? ": " : ", ", name(static_cast<SpanKind>(i)), percent);
  }
  return fmt::format("rank {} {}{} {:.3f} s: products {:.1f} %, attention {:.1f} %, waiting {:.1f} %, rest {:.1f} %{}",
                     phase.rank.value(), phase.name, phase.runs > 1 ? fmt::format(" ({} runs)", phase.runs) : "",
                     seconds(phase.duration), 100 * phase.share(phase.of(SpanKind::product)),
                     100 * phase.share(phase.of(SpanKind::attention)), 100 * phase.share(phase.of(SpanKind::wait)),
                     100 * phase.share(phase.rest()), rest);
}

std::string json_of(const PhaseSummary& phase) {
  std::string kinds;
  for (std::size_t i = 0; i < kSpanKinds; ++i) {
    kinds += fmt::format("{}\"{}\":{:.9f}", i > 0 ? "," : "", name(static_cast<SpanKind>(i)), seconds(phase.kinds[i]));
  }
  return fmt::format(
      R"({{"rank":{},"phase":{},"runs":{},"seconds":{:.9f},"products":{:.6f},"attention":{:.6f},"waiting":{:.6f},)"
      R"("rest":{:.6f},"seconds_of_kind":{{{}}}}})",
      phase.rank.value(), json_line_text(phase.name), phase.runs, seconds(phase.duration),
      phase.share(phase.of(SpanKind::product)), phase.share(phase.of(SpanKind::attention)),
      phase.share(phase.of(SpanKind::wait)), phase.share(phase.rest()), kinds);
}

/// The file as it grows: events of one rank after the other, then what they come to.
class Writer {
 public:
  explicit Writer(OutputFile& out) : out_(out) { out_.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"); }

  void add(const RankTrace& trace) {
    const int rank = trace.rank.value();
    const std::string process = fmt::format("rank {} ({})", rank, trace.host);
    separate();
    append(R"({{"ph":"M","name":"process_name","pid":{},"tid":0,"args":{{"name":{}}}}},)"
           "\n"
           R"({{"ph":"M","name":"thread_name","pid":{},"tid":0,"args":{{"name":"driving thread"}}}})",
           rank, json_line_text(process), rank);
    for (const PhaseRecord& phase : trace.phases) event(rank, json_line_text(phase.name), "phase", phase, {});
    std::vector<std::string> names;
    for (const std::string& name : trace.names) names.push_back(json_line_text(name));
    for (const RankSpan& span : trace.spans) event(rank, names[span.name], name(span.kind), span, arguments(span));
    flush();
    add_summary(trace);
  }

  /// The file's end. Spans that were not kept are said here and in the log.
  void finish() {
    append(
        "\n],\"otherData\":{{\"clock\":\"microseconds since a barrier that all ranks left together, to some tens of "
        "microseconds\",\n\"ranks\":[{}],\n\"phases\":[{}]}}}}\n",
        ranks_, phases_);
    flush();
  }

 private:
  template <class... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  void separate() {
    if (!first_) append(",\n");
    first_ = false;
  }

  void flush() {
    out_.write({text_.data(), text_.size()});
    text_.clear();
  }

  /// `times`: with begin and duration in nanoseconds, written as microseconds with their fractions.
  template <class Times>
  void event(int rank, const std::string& name, const char* category, const Times& times,
             const std::string& arguments) {
    constexpr std::size_t kFlushAt = std::size_t{1} << 20;
    separate();
    append(R"({{"ph":"X","name":{},"cat":"{}","pid":{},"tid":0,"ts":{}.{:03},"dur":{}.{:03}{}}})", name, category, rank,
           times.begin / 1000, times.begin % 1000, times.duration / 1000, times.duration % 1000, arguments);
    if (text_.size() > kFlushAt) flush();
  }

  static std::string arguments(const RankSpan& span) {
    std::string text;
    if (span.layer >= 0) text += fmt::format("\"layer\":{}", span.layer);
    if (span.amount > 0) {
      text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", span.kind == SpanKind::send ? "bytes" : "tokens",
                          span.amount);
    }
    return text.empty() ? text : ",\"args\":{" + text + "}";
  }

  void add_summary(const RankTrace& trace) {
    ranks_ += fmt::format("{}{{\"rank\":{},\"host\":{},\"spans\":{},\"dropped_spans\":{}}}", ranks_.empty() ? "" : ",",
                          trace.rank.value(), json_line_text(trace.host), trace.spans.size(), trace.dropped);
    for (const PhaseSummary& phase : summarise(trace)) {
      phases_ += (phases_.empty() ? "" : ",\n") + json_of(phase);
      log_info("{}", log_line(phase));
    }
    if (trace.dropped == 0) return;
    log_warn("the trace of rank {} holds its first {} spans, {} more were dropped; the shares count them all",
             trace.rank.value(), grouped(trace.spans.size()), grouped(trace.dropped));
  }

  OutputFile& out_;
  fmt::memory_buffer text_;
  std::string ranks_, phases_;
  bool first_ = true;
};

}  // namespace

TraceFile::TraceFile(const Job& job, std::optional<std::string> path, std::size_t most_spans)
    : job_(job), path_(std::move(path)), most_spans_(most_spans) {}

void TraceFile::start() {
  if (!path_ || trace_) return;
  trace_.emplace(most_spans_);
  start_traces(job_.world, *trace_);
}

void TraceFile::write() {
  if (!trace_) return;
  trace_->stop();
  std::optional<OutputFile> file;
  std::optional<Writer> writer;
  if (job_.first()) {
    file.emplace(*path_);  // an error of its shows when it is committed: the other ranks send meanwhile
    writer.emplace(*file);
  }
  gather_traces(job_.world, *trace_, [&](const RankTrace& trace) { writer->add(trace); });
  agreed_on_first(job_, [&] {
    writer->finish();
    file->commit();
    if (is_standard_output(*path_)) return;
    log_info("the trace is in {}; open it in chrome://tracing or ui.perfetto.dev", *path_);
  });
}

}  // namespace gemring
