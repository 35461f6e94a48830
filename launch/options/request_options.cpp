#include "launch/options/request_options.h"

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gemring {

void add_requests(Builder& add, RequestsOptions& requests) {
  add.group("Many requests");
  add.optional(
      "--requests", requests.file, "FILE",
      "answer a JSON object a line (- is standard input), each with a JSON line on standard output, in order:\n"
      "id, prompt or prompt_file or prompt_ids, and what it wants otherwise than said here, by the options'\n"
      "names: question, system, keep, max_new_tokens, temperature, seed, ... A bad line gets an error in its\n"
      "place; the exit code is then 8");
  add.optional(
      "--parallel", requests.parallel, "N",
      "requests that the stages work on at a time; each has a KV cache. Unset: one more than there are stages");
}

void add_parallel(Builder& add, RequestsOptions& requests) {
  add.optional("--parallel", requests.parallel, "N",
               "memory for so many such requests in the stages at a time, as with generate --requests. Unset: for one "
               "by itself");
}

void check_requests(const Options& options) {
  const RequestsOptions& requests = options.requests;
  if (requests.parallel.value_or(1) < 1) {
    throw UsageError({"--parallel", fmt::format("{} is too small", *requests.parallel), "give 1 or more"});
  }
  if (options.command == Command::generate && requests.parallel && !requests.file) {
    throw UsageError({"--parallel", "means nothing without --requests", "add --requests FILE, or leave it out"});
  }
}

}  // namespace gemring
