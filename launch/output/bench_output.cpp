#include "launch/output/bench_output.h"

#include <utility>

#include "engine/base/output_file.h"
#include "launch/output/text_output.h"

namespace gemring {

BenchOutput::BenchOutput(std::optional<std::string> json) : json_(std::move(json)) {}

bool BenchOutput::lines_on_output() const {
  return json_ && (json_->empty() || is_standard_output(*json_));
}

void BenchOutput::require_writable() const {
  if (json_ && !lines_on_output()) gemring::require_writable(*json_, "--json");
}

void BenchOutput::add(std::string_view table, std::string_view lines) {
  write_result(lines_on_output() ? lines : table);
  lines_ += lines;
}

void BenchOutput::finish() {
  if (json_ && !lines_on_output()) write_file(*json_, lines_);
}

}  // namespace gemring
