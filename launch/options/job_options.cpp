#include "launch/options/job_options.h"

#include <fmt/format.h>

#include <regex>

#include "engine/base/error.h"

namespace gemring {
namespace {

/// Job systems read directives with rules of their own, and none of them lets everything be quoted: only what needs no
/// quotes anywhere gets into one.
void require_name(const char* option, const std::optional<std::string>& value, const std::regex& form,
                  const char* advice) {
  if (!value || std::regex_match(*value, form)) return;
  throw UsageError({option, fmt::format("'{}' is no name that the job system takes", *value), advice});
}

/// What stands where the job system's own programs look for options.
void not_an_option(const char* option, const std::optional<std::string>& value) {
  if (!value || !(value->empty() || value->starts_with('-'))) return;
  throw UsageError(
      {option, fmt::format("'{}' is no name", *value), "where a file's name begins with -, write ./-name"});
}

void check_names(const JobOptions& options) {
  static const std::regex simple("[A-Za-z0-9_][A-Za-z0-9_.,:+@/-]{0,199}");
  static const std::regex job("[A-Za-z][A-Za-z0-9_-]{0,99}");
  static const std::regex label("[a-z]([a-z0-9-]{0,48}[a-z0-9])?");  // RFC 1123, and room for "-worker-100"
  const char* const letters = "use letters, digits and _.,:+@/-";
  require_name("--partition", options.partition, simple, letters);
  require_name("--queue", options.queue, simple, letters);
  require_name("--account", options.account, simple, letters);
  if (options.system == JobSystem::kubernetes) {
    require_name("--name", options.name, label, "use small letters, digits and -, at most 50, a letter first");
    require_name("--namespace", options.name_space, label, "use small letters, digits and -, a letter first");
    require_name("--claim", options.claim, label, "use small letters, digits and -, a letter first");
  } else {
    require_name("--name", options.name, job, "use letters, digits, _ and -, at most 100, a letter first");
  }
}

}  // namespace

std::int64_t job_seconds(const std::string& time) {
  static const std::regex form("([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])");
  std::smatch match;
  if (!std::regex_match(time, match, form)) {
    throw UsageError({"--time", fmt::format("'{}' is no time", time), "write H:MM:SS, such as 0:30:00 or 48:00:00"});
  }
  const std::int64_t seconds = std::stoll(match[1]) * 3600 + std::stoll(match[2]) * 60 + std::stoll(match[3]);
  if (seconds == 0) throw UsageError({"--time", "is 0", "give the job some time"});
  return seconds;
}

void check_job_options(const JobOptions& options) {
  check_names(options);
  if (options.time) job_seconds(*options.time);
  not_an_option("--image", options.image);
  not_an_option("--program", options.program);
  not_an_option("--hostfile", options.hostfile);
  const bool in_image = options.system == JobSystem::kubernetes || options.system == JobSystem::apptainer;
  if (in_image && !options.image) {
    throw UsageError(
        {"--image", "no image is given",
         fmt::format("name one with gemring in it; {} says how to build it",
                     options.system == JobSystem::kubernetes ? "launch/cluster/job_files/kubernetes/Dockerfile"
                                                             : "launch/cluster/job_files/apptainer/gemring.def")});
  }
  if (options.claim.has_value() != options.claim_path.has_value()) {
    throw UsageError({"--claim", "and --claim-path go together",
                      "name the PersistentVolumeClaim and the directory where it appears"});
  }
}

}  // namespace gemring
