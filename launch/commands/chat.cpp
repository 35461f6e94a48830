#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/request_source.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/commands/opened.h"
#include "launch/index/index_prompt.h"
#include "launch/output/report.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/given_text.h"
#include "launch/requests/chat_run.h"
#include "launch/start/last_words.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// Rank 0's: the text that is talked about.
struct Opening {
  std::string text;
  std::shared_ptr<IndexFile> index;  // which has read it
};

Opening read_opening(Options& options) {
  Opening opening;
  const std::optional<std::string> file = std::exchange(options.prompt.chat.user_file, std::nullopt);
  if (file) {
    const std::string where = fmt::format("--user-file {}", *file);
    opening.text = checked_text(read_given_text(*file, "--user-file"), where, options.prompt.invalid_utf8);
  }
  if (!options.index.of_chat) return opening;
  opening.index = std::make_shared<IndexFile>(*options.index.of_chat);
  const IndexedText& text = opening.index->head().text;
  if (!text.chat) {
    throw ConfigError({*options.index.of_chat, "has the text without the markup of a chat: its model had no template",
                       "ask about it with gemring ask"});
  }
  opening.text = text.text;
  options.prompt.chat.system = text.system;
  options.prompt.chat.date = text.date;
  return opening;
}

/// What memory is planned for beside each request's own.
Workload workload_of_chat(const Job& job, const Options& options, const Opened& opened, const Opening& opening) {
  std::uint64_t index_bytes = 0;
  agreed_on_first(job, [&] {
    if (opening.index) index_bytes = index_memory_of(*opening.index, options, opened);
  });
  broadcast_control(job.world, index_bytes, 0);
  Workload workload = least_workload(job, options, opened);
  workload.index_bytes = std::max(workload.index_bytes, 2 * index_bytes);  // and what the conversation adds
  workload.parallel = 1;
  return workload;
}

/// The index has what the first message's prompt begins with.
void check_opening(const ChatRun& run, const Opening& opening) {
  if (opening.index) check_begins_with(*opening.index, run.request_for("?").prompt);
}

}  // namespace

int run_chat(const Job& job, const Options& given) {
  Options options = given;
  options.prompt.chat.on = true;
  Opening opening;
  agreed_on_first(job, [&] {
    check_texts(option_table(), options);
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
    opening = read_opening(options);
  });
  const Placement placement = prepare_compute(job, options.run);
  set_log_phase("load");
  const Opened opened = open_all(job, options);
  const RequestMaker maker(opened.setting(options));
  const Workload workload = workload_of_chat(job, options, opened, opening);
  const PlannedSession planned = plan_session(job, options.run, opened.models.all(), workload);
  const auto session = open_session(job, opened.models.all(), planned);
  step_back_behind_filter(job, planned.plan, placement);
  set_log_phase("chat");
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  std::unique_ptr<ChatRun> run;
  agreed_on_first(job, [&] {
    run = std::make_unique<ChatRun>(ChatRun::Setting{.maker = maker,
                                                     .tokenizer = *opened.tokenizer,
                                                     .planned = planned,
                                                     .progress = progress,
                                                     .text = opening.text,
                                                     .stored = opening.index,
                                                     .shows_prompt = isatty(STDIN_FILENO) != 0,
                                                     .stop = options.generate.stop});
    check_opening(*run, opening);
    run->begin();
  });
  {
    std::optional<LastWords> interrupts;
    if (run) interrupts.emplace([&] { run->interrupt(); }, LastWords::Then::listens);
    NoRequests nothing;
    session->generate(run ? static_cast<RequestSource&>(*run) : nothing, workload.parallel);
  }
  std::int32_t failed = run ? static_cast<std::int32_t>(run->failed()) : 0;
  broadcast_control(job.world, failed, 0);
  trace.write();
  return static_cast<int>(failed == 0 ? ExitCode::ok : ExitCode::some_failed);
}

}  // namespace gemring
