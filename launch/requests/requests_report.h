// What `gemring generate --requests` writes: a line for each request and the report of the run (proto/inference.proto).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/session/session.h"
#include "engine/base/error.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/output/report.h"
#include "launch/requests/request_reader.h"

namespace gemring {

/// `tokenizer` may be nullptr: the text is empty then.
std::string result_line(const RequestPlace& place, const GenerationResult& result, const Tokenizer* tokenizer,
                        const ReportHead& head);
std::string error_line(const RequestPlace& place, const Error& error);

/// Of a whole run.
struct RequestTotals {
  std::size_t requests = 0;
  std::size_t failed = 0;  // of these
  std::int32_t parallel = 0;
  double seconds = 0;
  double prompt_tokens = 0;  // of those that did not fail
  double completion_tokens = 0;
  std::string model = {};         // its name
  std::string filter_model = {};  // of another one that filters
  std::vector<OptionSetting> options = {};
  bool interrupted = false;  // by a signal; requests under way do not count
};

std::string requests_report(const RequestTotals& totals, const JobReport& job);
std::string totals_text(const RequestTotals& totals);  // for the log

/// "requests 3 of 8   12.5 tokens/s   40 s left"; `all` 0: not known.
std::string requests_progress(const RequestTotals& so_far, std::size_t all);

}  // namespace gemring
