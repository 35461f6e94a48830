#include "launch/requests/chat_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "engine/base/affinity.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "launch/output/report.h"
#include "launch/prompts/line_reader.h"

namespace gemring {

using nlohmann::json;

namespace {

constexpr std::string_view kPrompt = "> ";

json text_part(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

}  // namespace

void ChatRun::begin() {
  thread_ = std::thread([this] { talk(); });
}

ChatRun::~ChatRun() {
  {
    const MutexLock held(mutex_);
    stop_ = true;
  }
  answered_.notify_all();
  signal_.stop();
  if (thread_.joinable()) thread_.join();
}

void ChatRun::show_prompt() const {
  if (setting_.shows_prompt) setting_.progress.make_way([] { write_result(kPrompt); });
}

void ChatRun::talk() {
  begin_thread("chat");
  std::exception_ptr failure;
  try {
    LineReader lines(STDIN_FILENO, "standard input", [&] { return signal_.wait_for(STDIN_FILENO); });
    show_prompt();
    for (std::string line; lines.next(line); show_prompt()) {
      if (!is_blank(line)) answer(line);
    }
    if (setting_.shows_prompt) write_result("\n");
  } catch (...) {
    failure = std::current_exception();
  }
  const MutexLock held(mutex_);
  failure_ = failure;
  over_ = true;
  if (wake_) wake_();
}

json ChatRun::messages_with(const std::string& message) const {
  json messages = history_;
  json content = message;
  if (messages.empty() && !setting_.text.empty()) content = json::array({text_part(setting_.text), text_part(message)});
  messages.push_back({{"role", "user"}, {"content", content}});
  return messages;
}

GenerationRequest ChatRun::request_for(const std::string& message) const {
  RequestLine line = setting_.maker.defaults();
  line.prompt.chat.messages = messages_with(message).dump(-1, ' ', false, json::error_handler_t::strict);
  GenerationRequest request = setting_.maker.make(line);
  check_memory(setting_.planned, request);
  request.cancel = std::make_shared<CancelHandle>();
  request.stored = setting_.stored;
  return request;
}

/// Runs on the threads that call back; the talking one waits meanwhile.
void ChatRun::hang_callbacks(GenerationRequest& request) {
  const auto output = std::make_shared<TextOutput>(&setting_.tokenizer, setting_.progress, setting_.stop);
  request.on_token = [output](TokenId id) { output->push(id); };
  request.on_progress = [this](std::string_view phase, double done, double total) {
    setting_.progress.update(phase, done, total);
  };
  request.on_end = [this, output](GenerationResult result) {
    setting_.progress.clear();
    if (!result.error) output->finish();
    const MutexLock held(mutex_);
    result_ = std::move(result);
    under_way_.reset();
    answered_.notify_all();
  };
}

void ChatRun::answer(const std::string& message) {
  std::optional<Error> error;
  try {
    GenerationRequest request = request_for(message);
    hang_callbacks(request);
    MutexLock held(mutex_);
    was_told_ = false;
    result_.reset();
    under_way_ = request.cancel;
    waiting_ = std::move(request);
    if (wake_) wake_();
    while (!result_ && !stop_) answered_.wait(mutex_);
    if (!result_) return;
    error = result_->error;
    if (!error) {
      log_info("{} tokens, {} of them read before, {} kept; first token after {:.2f} s", result_->prompt_tokens,
               result_->reused_tokens, result_->read_tokens, result_->time_to_first_token_seconds);
      const std::string text = answer_text(result_->generated_ids, &setting_.tokenizer, setting_.stop);
      history_ = messages_with(message);
      history_.push_back({{"role", "assistant"}, {"content", text}});
    }
  } catch (const Error& refused) {
    error = refused;
  } catch (const json::exception&) {
    error = UsageError({"message", "is no UTF-8", "type it again"});
  }
  if (!error) return;
  if (error->code() == ExitCode::internal) throw Error(*error);
  log_warn("{}: {}; {}", error->text().where, error->text().problem, error->text().advice);
  const MutexLock held(mutex_);
  ++failed_;
}

std::optional<GenerationRequest> ChatRun::next() {
  const MutexLock held(mutex_);
  return std::exchange(waiting_, std::nullopt);
}

bool ChatRun::ended() {
  const MutexLock held(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return over_;
}

void ChatRun::wake_with(std::function<void()> wake) {
  const MutexLock held(mutex_);
  wake_ = std::move(wake);
}

void ChatRun::interrupt() {
  std::shared_ptr<CancelHandle> handle;
  bool leaves = false;
  {
    const MutexLock held(mutex_);
    handle = under_way_;
    if (!handle) leaves = std::exchange(was_told_, true);
  }
  if (handle) return handle->cancel();
  if (leaves) return signal_.stop();
  log_warn("nothing is being answered; Ctrl-D, or Ctrl-C again, leaves");
}

std::size_t ChatRun::failed() const {
  const MutexLock held(mutex_);
  return failed_;
}

}  // namespace gemring
