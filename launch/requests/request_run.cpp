#include "launch/requests/request_run.h"

#include <utility>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "launch/output/text_output.h"

namespace gemring {

RequestRun::RequestRun(Setting setting)
    : setting_(std::move(setting)),
      all_(setting_.input.count_lines().value_or(0)),
      begin_(steady_seconds()),
      results_([this](const std::string& line) { setting_.progress.make_way([&] { write_result(line); }); }),
      shared_prompt_(setting_.maker.defaults().prompt),
      reader_(setting_.input,
              {.make = [this](std::string_view text, RequestPlace& place) { return make(text, place); },
               .accept = [this](const RequestPlace& place, GenerationRequest& request) { accept(place, request); }}) {}

RequestTotals RequestRun::totals() const {
  const MutexLock held(mutex_);
  RequestTotals totals = totals_;
  totals.parallel = setting_.parallel;
  totals.model = setting_.model;
  totals.filter_model = setting_.filter_model;
  totals.options = setting_.options;
  totals.seconds = steady_seconds() - begin_;
  return totals;
}

std::string RequestRun::report(const JobReport& job) const {
  return requests_report(totals(), job);
}

void RequestRun::warn_of_unused() const {
  const std::optional<std::string> unused = shared_prompt_.unused();
  if (unused) log_warn("{}: was not used, for every line of {} has its own prompt", *unused, setting_.input.name());
}

std::string RequestRun::interrupted_report() const {
  RequestTotals so_far = totals();
  so_far.interrupted = true;
  return requests_report(so_far, {});
}

void RequestRun::cut_off(std::chrono::milliseconds reader_may_take) {
  if (!writing_.try_lock_for(reader_may_take)) return;
  const MutexLock held(writing_, std::adopt_lock);
  setting_.progress.clear();
}

GenerationRequest RequestRun::make(std::string_view text, RequestPlace& place) {
  RequestLine line = setting_.maker.defaults();
  try {
    read_request_line(text, line);
  } catch (...) {
    place.id = line.id;
    throw;
  }
  place.id = line.id;
  shared_prompt_.look_at(line.prompt);
  for (const std::string& warning : line.warnings) warn(place, warning);
  GenerationRequest request = setting_.maker.make(line);
  check_memory(setting_.planned, request);
  const ReportHead head = {setting_.model, request.sampling.seed, false, line.generate.stop};
  request.on_end = [this, place, head](const GenerationResult& result) { end(place, head, result); };
  return request;
}

void RequestRun::warn(const RequestPlace& place, const std::string& warning) {
  if (!warned_.insert(warning).second) return;
  setting_.progress.make_way(
      [&] { log_warn("{} line {}: {} (said once for all lines)", setting_.input.name(), place.line, warning); });
}

void RequestRun::accept(const RequestPlace& place, GenerationRequest& request) {
  if (request.refused) {  // its line was not made into one, so nothing else hangs on it
    request.on_end = [this, place](const GenerationResult& result) { end(place, {}, result); };
    return;
  }
  request.on_token = [this](TokenId) {
    {
      const MutexLock held(mutex_);
      totals_.completion_tokens += 1;
    }
    show(false);
  };
}

void RequestRun::end(const RequestPlace& place, const ReportHead& head, const GenerationResult& result) {
  {
    const MutexLock held(mutex_);
    ++totals_.requests;
    if (!result.error) totals_.prompt_tokens += result.prompt_tokens;
  }
  if (result.error) return fail(place, *result.error);
  put(place, result_line(place, result, setting_.tokenizer, head));
  show(true);
}

void RequestRun::fail(const RequestPlace& place, const Error& error) {
  {
    const MutexLock held(mutex_);
    ++totals_.failed;
  }
  const std::string& advice = error.text().advice;
  setting_.progress.make_way([&] {
    log_warn("{} line {}: {}{}{}", setting_.input.name(), place.line, error.what(), advice.empty() ? "" : "; ", advice);
  });
  put(place, error_line(place, error));
}

void RequestRun::put(const RequestPlace& place, std::string line) {
  const MutexLock held(writing_);
  results_.put(place.index, std::move(line));
}

void RequestRun::show(bool now) {
  setting_.progress.show([this] { return requests_progress(totals(), all_); }, now);
}

}  // namespace gemring
