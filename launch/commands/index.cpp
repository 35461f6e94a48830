#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "engine/text/chat/chat_date.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/commands/opened.h"
#include "launch/index/index_prompt.h"
#include "launch/output/progress.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/given_text.h"
#include "launch/requests/one_request.h"
#include "launch/requests/request_maker.h"
#include "launch/start/last_words.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// Rank 0's: one text, and where what the filter sees of it goes.
struct Indexing {
  IndexedText text;
  GenerationRequest request;
  std::shared_ptr<IndexWriter> writer;
};

/// As the user's message where the model has a template that gemring knows.
void open_chat_of(const Options& options, Opened& opened) {
  try {
    open_templates(options, opened);
  } catch (const ConfigError& error) {
    if (options.prompt.chat.template_file || options.prompt.chat.system) throw;
    log_info("the text is read as it is: {}", error.what());
  }
}

IndexedText text_of(const Options& options, bool chat) {
  const ChatOptions& given = options.prompt.chat;
  IndexedText text;
  text.text = checked_text(read_given_text(options.index.text_file, "text"), options.index.text_file,
                           options.prompt.invalid_utf8);
  text.chat = chat;
  text.system = given.system;
  if (!chat) return text;
  const CalendarDate date = given.date ? parse_date(*given.date, "--date") : today();
  text.date = fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
  return text;
}

Indexing indexing_of(const Options& options, const Opened& opened, const IndexSetting& setting) {
  Indexing indexing;
  indexing.text = text_of(options, opened.chat.has_value());
  Options asked = options;
  asked.prompt = prompt_about(indexing.text, options.prompt);
  const RequestMaker maker(opened.setting(asked));
  RequestLine line = maker.defaults();
  line.generate.max_new_tokens = 1;
  indexing.request = maker.make(line);
  const std::size_t tokens = indexing.request.prompt.size();
  if (tokens < 2 * static_cast<std::size_t>(setting.layout.sizes.chunk)) {
    throw UsageError({options.index.text_file,
                      fmt::format("has {} tokens: less than two chunks of {} are read as fast again", tokens,
                                  setting.layout.sizes.chunk),
                      "ask about it with gemring generate"});
  }
  indexing.writer = std::make_shared<IndexWriter>(options.index.file, setting.key, indexing.text, setting.layout);
  indexing.request.store = indexing.writer;
  indexing.request.only_filters = true;
  return indexing;
}

void finish(const Options& options, const GenerationResult& result, IndexWriter& writer) {
  if (result.error) throw Error(*result.error);
  if (!writer.complete()) {
    throw InternalError(fmt::format("nothing was kept of {} tokens", result.prompt_tokens));
  }
  writer.commit();
  constexpr double kMib = 1 << 20;
  const std::string text =
      fmt::format("{}: {} of {} tokens, {:.1f} MiB, read in {:.1f} s", options.index.file, grouped(writer.tokens()),
                  grouped(static_cast<std::uint64_t>(result.prompt_tokens)), static_cast<double>(writer.bytes()) / kMib,
                  result.filter_seconds);
  is_standard_output(options.index.file) ? log_info("{}", text) : write_result(text + "\n");
}

}  // namespace

int run_index(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    require_writable(options.index.file, "--output");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  prepare_compute(job, options.run);
  set_log_phase("load");
  Opened opened = open_all(job, options);
  agreed_on_first(job, [&] {
    require_window(opened.filter, opened.models.all().filter.name);
    open_chat_of(options, opened);
  });
  Indexing indexing;
  std::vector<std::int32_t> lengths(2);
  const IndexSetting setting = index_setting(options, opened);
  agreed_on_first(job, [&] {
    indexing = indexing_of(options, opened, setting);
    lengths = {tokens_to_plan_for(indexing.request), indexing.request.selection.keep};
  });
  broadcast_control(job.world, lengths, 0);
  ResolvedSelection selection;
  selection.keep = lengths.at(1);
  Workload workload = workload_of(Method::gemfilter, opened.filter, lengths.at(0), selection, 1);
  workload.index_bytes = setting.layout.bytes(lengths.at(0) / setting.layout.sizes.chunk);
  const auto session = start_session(job, options.run, opened.models.all(), workload);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  NoRequests nothing;
  GenerationResult result;
  std::optional<OneRequest> run;
  if (job.first()) {
    indexing.request.on_progress = [&](auto phase, double done, double total) { progress.update(phase, done, total); };
    indexing.request.on_end = [&](GenerationResult end) { result = std::move(end); };
    run.emplace(std::move(indexing.request));
  }
  {
    const LastWords last_words([&] {
      if (!job.first()) return let_rank_zero_speak();
      progress.clear();
      log_warn("interrupted: {} is not written", options.index.file);
    });
    session->generate(run ? static_cast<RequestSource&>(*run) : nothing, 1);
  }
  set_log_phase("report");
  agreed_on_first(job, [&] {
    progress.clear();
    finish(options, result, *indexing.writer);
  });
  trace.write();
  return 0;
}

}  // namespace gemring
