#include "launch/calibrate/finished_passes.h"

#include <fcntl.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/base/log.h"
#include "launch/prompts/profile_cache.h"
#include "proto/calibration.pb.h"

namespace gemring {
namespace {

CalibrationCase case_of(const proto::FinishedPass& message) {
  CalibrationCase pass;
  pass.layer_sums.assign(message.layer_sums().begin(), message.layer_sums().end());
  for (std::size_t i = 0; i < pass.head_scores.size(); ++i) {
    const auto& scores = message.head_scores(static_cast<int>(i)).scores();
    pass.head_scores[i].assign(scores.begin(), scores.end());
  }
  return pass;
}

proto::FinishedPass message_of(std::uint64_t run, std::int32_t window, std::int32_t prompt,
                               const CalibrationCase& pass) {
  proto::FinishedPass message;
  message.set_run(run);
  message.set_window(window);
  message.set_prompt(prompt);
  message.mutable_layer_sums()->Add(pass.layer_sums.begin(), pass.layer_sums.end());
  for (const std::vector<float>& scores : pass.head_scores)
    message.add_head_scores()->mutable_scores()->Add(scores.begin(), scores.end());
  return message;
}

}  // namespace

std::optional<std::string> finished_passes_path(const std::vector<std::string>& environment,
                                                std::uint64_t fingerprint) {
  const std::optional<std::string> profile = cached_profile_path(environment, fingerprint);
  if (!profile) return std::nullopt;
  const std::filesystem::path path(*profile);
  return (path.parent_path().parent_path() / "calibrations" / (path.stem().string() + ".part")).string();
}

FinishedPasses::FinishedPasses(const std::optional<std::string>& path, std::uint64_t run)
    : path_(path.value_or("")), run_(run) {
  if (!path) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    give_up("cannot be opened");
  else if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
    give_up("is another calibration's");
  else
    read();
}

FinishedPasses::~FinishedPasses() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FinishedPasses::read() {
  std::int64_t good = 0;
  {
    google::protobuf::io::FileInputStream stream(descriptor_);
    proto::FinishedPass message;
    while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(&message, &stream, nullptr) &&
           message.run() == run_ && message.head_scores_size() == static_cast<int>(kQueryCounts.size())) {
      passes_[{message.window(), message.prompt()}] = case_of(message);
      good = stream.ByteCount();
      message.Clear();
    }
  }
  if (::ftruncate(descriptor_, good) != 0 || ::lseek(descriptor_, good, SEEK_SET) < 0) give_up("cannot be written");
}

CalibrationCase FinishedPasses::take(std::int32_t window, std::int32_t prompt) {
  return std::move(passes_.at({window, prompt}));
}

void FinishedPasses::add(std::int32_t window, std::int32_t prompt, const CalibrationCase& pass) {
  if (descriptor_ < 0) return;
  google::protobuf::io::FileOutputStream stream(descriptor_);
  const bool written =
      google::protobuf::util::SerializeDelimitedToZeroCopyStream(message_of(run_, window, prompt, pass), &stream) &&
      stream.Flush();
  if (!written) {
    errno = stream.GetErrno();
    give_up("cannot be written");
  }
}

void FinishedPasses::remove() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(descriptor_);
  descriptor_ = -1;
}

void FinishedPasses::give_up(const char* what) {
  log_warn("{} {} ({}): this calibration starts anew if it is interrupted", path_, what, std::strerror(errno));
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

}  // namespace gemring
