#include "launch/eval/result_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "engine/base/whole_file.h"
#include "engine/weights/json_text.h"

namespace gemring {
namespace {

constexpr const char* kAnotherDirectory = "name another directory with --output";

std::string contents_of(const std::string& path) {
  try {
    return std::filesystem::exists(path) ? read_whole_file(path) : std::string();
  } catch (const std::system_error& error) {
    throw UsageError({path, error.code().message(), kAnotherDirectory});
  }
}

EvalSettings settings_in(const std::string& json, const std::string& path) {
  try {
    return parse_json(json).get<EvalSettings>();
  } catch (const std::exception& error) {
    throw UsageError({path, fmt::format("is no file of settings: {}", error.what()), kAnotherDirectory});
  }
}

}  // namespace

ResultFolder::ResultFolder(std::string directory, const EvalSettings& settings) : directory_(std::move(directory)) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (!std::filesystem::is_directory(directory_)) {
    throw UsageError({"--output", fmt::format("{}: {}", directory_, error ? error.message() : "is no directory"),
                      "name a directory"});
  }
  agree_on_settings(settings);
  read_results();
  const std::string file = path("cases.jsonl");
  descriptor_ = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw UsageError({file, std::strerror(errno), kAnotherDirectory});
}

ResultFolder::~ResultFolder() {
  if (descriptor_ >= 0) close(descriptor_);
}

void ResultFolder::agree_on_settings(const EvalSettings& settings) {
  const std::string file = path("settings.json");
  const std::string json = contents_of(file);
  settings_ = json.empty() ? EvalSettings() : settings_in(json, file);
  for (const auto& [name, value] : settings) {
    const auto [there, is_new] = settings_.emplace(name, value);
    if (is_new || there->second == value) continue;
    throw UsageError({file,
                      fmt::format("the cases there were run with {} {}, and now it is {}", name, there->second, value),
                      "give the same settings, or name another directory with --output"});
  }
  write_file(file, nlohmann::json(settings_).dump(2) + "\n");
}

void ResultFolder::read_results() {
  const std::string file = path("cases.jsonl");
  const std::string text = contents_of(file);
  std::size_t number = 0, begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    CaseResult result = parse_case_line(line, fmt::format("{}, line {}", file, ++number));
    done_.emplace(result.id, result.method);
    results_.push_back(std::move(result));
    begin = end + 1;
  }
  if (begin == text.size()) return;
  log_warn("{}: line {} has no end, as a run leaves it that is killed; its case is run again", file, number + 1);
  std::error_code error;
  std::filesystem::resize_file(file, begin, error);
  if (error) throw UsageError({file, error.message(), kAnotherDirectory});
}

void ResultFolder::append(CaseResult result) {
  const std::string line = case_line(result);
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw ResourceError({path("cases.jsonl"), std::strerror(errno), "make room, and start it again"});
    done += static_cast<std::size_t>(written);
  }
  done_.emplace(result.id, result.method);
  results_.push_back(std::move(result));
}

}  // namespace gemring
