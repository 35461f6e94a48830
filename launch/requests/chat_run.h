// A conversation with a person: lines of standard input are messages, answers go to standard output while they come.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "distributed/session/request_source.h"
#include "engine/base/mutex.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/cluster/workload.h"
#include "launch/output/progress.h"
#include "launch/output/text_output.h"
#include "launch/requests/request_maker.h"
#include "launch/requests/request_reader.h"

namespace gemring {

/// Rank 0's side: a thread reads a line, waits for its answer, and reads the next one. Each request has the whole
/// conversation; what the filter has read of it is not read again.
class ChatRun final : public RequestSource {
 public:
  /// The caller's, outlives this.
  struct Setting {
    const RequestMaker& maker;  // with a chat template
    const Tokenizer& tokenizer;
    const PlannedSession& planned;
    ProgressLine& progress;
    std::string text = {};                            // in front of the first message; may be empty
    std::shared_ptr<ReadingSource> stored = nullptr;  // of this text, or nullptr
    bool shows_prompt = false;                        // a person sits there
    std::vector<std::string> stop = {};
  };
  explicit ChatRun(Setting setting) : setting_(std::move(setting)) {}
  ~ChatRun() override;  // does not wait for input

  /// Reads from here on.
  void begin();

  std::optional<GenerationRequest> next() override;
  bool ended() override;
  void wake_with(std::function<void()> wake) override;

  /// Ends the answer that is under way; without one says how to leave, and the second time in a row leaves. Any thread
  /// may call it.
  void interrupt();

  /// Messages without an answer; the log says why.
  std::size_t failed() const;

  /// The request of the next message. Before begin(), or of the talking thread. Throws Error.
  GenerationRequest request_for(const std::string& message) const;

 private:
  void talk();
  void answer(const std::string& message);
  nlohmann::json messages_with(const std::string& message) const;
  void hang_callbacks(GenerationRequest& request);
  void show_prompt() const;

  Setting setting_;
  nlohmann::json history_ = nlohmann::json::array();  // of the talking thread
  StopSignal signal_;

  mutable Mutex mutex_;
  CondVar answered_;
  std::optional<GenerationRequest> waiting_ GEMRING_GUARDED_BY(mutex_);
  std::shared_ptr<CancelHandle> under_way_ GEMRING_GUARDED_BY(mutex_);  // nullptr: nothing is
  std::optional<GenerationResult> result_ GEMRING_GUARDED_BY(mutex_);
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
  std::exception_ptr failure_ GEMRING_GUARDED_BY(mutex_);
  std::size_t failed_ GEMRING_GUARDED_BY(mutex_) = 0;
  bool over_ GEMRING_GUARDED_BY(mutex_) = false;
  bool stop_ GEMRING_GUARDED_BY(mutex_) = false;
  bool was_told_ GEMRING_GUARDED_BY(mutex_) = false;  // how to leave

  std::thread thread_;
};

}  // namespace gemring
