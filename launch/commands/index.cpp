#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/request_source.h"
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
#include "launch/requests/request_maker.h"
#include "launch/start/last_words.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

// mpirun ends the whole job as soon as one rank is gone, and rank 0 with it before it has said what is there.
constexpr std::chrono::milliseconds kRankZeroSpeaks{700};

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

Indexing indexing_of(const Options& options, const Opened& opened, const ReadingLayout& layout, DataType kv_type) {
  Indexing indexing;
  indexing.text = text_of(options, opened.chat.has_value());
  Options asked = options;
  asked.prompt = prompt_about(indexing.text, options.prompt);
  const RequestMaker maker(opened.setting(asked));
  RequestLine line = maker.defaults();
  line.generate.max_new_tokens = 1;
  indexing.request = maker.make(line);
  const std::size_t tokens = indexing.request.prompt.size();
  if (tokens < 2 * static_cast<std::size_t>(layout.sizes.chunk)) {
    throw UsageError(
        {options.index.text_file,
         fmt::format("has {} tokens: less than two chunks of {} are read as fast again", tokens, layout.sizes.chunk),
         "ask about it with gemring generate"});
  }
  const IndexKey key = index_key(opened.models.all().filter.weights->fingerprint(), opened.filter, kv_type);
  indexing.writer = std::make_shared<IndexWriter>(options.index.file, key, indexing.text, layout);
  indexing.request.store = indexing.writer;
  indexing.request.only_filters = true;
  return indexing;
}

/// The request as a source, with a line of progress.
class IndexRun final : public RequestSource {
 public:
  IndexRun(GenerationRequest request, ProgressLine& progress) : request_(std::move(request)) {
    request_->on_progress = [&progress](std::string_view phase, double done, double total) {
      progress.update(phase, done, total);
    };
    request_->on_end = [this](GenerationResult result) { result_ = std::move(result); };
  }
  std::optional<GenerationRequest> next() override { return std::exchange(request_, std::nullopt); }
  bool ended() override { return !request_; }
  void wake_with(std::function<void()> /*wake*/) override {}
  const GenerationResult& result() const { return result_; }

 private:
  std::optional<GenerationRequest> request_;
  GenerationResult result_;
};

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
  const DataType kv_type = cache_type(options.run);
  const ReadingLayout layout = reading_layout(opened.models.all().filter.config, opened.filter, {.kv_type = kv_type});
  agreed_on_first(job, [&] {
    indexing = indexing_of(options, opened, layout, kv_type);
    lengths = {tokens_to_plan_for(indexing.request), indexing.request.selection.keep};
  });
  broadcast_control(job.world, lengths, 0);
  ResolvedSelection selection;
  selection.keep = lengths.at(1);
  Workload workload = workload_of(Method::gemfilter, opened.filter, lengths.at(0), selection, 1);
  workload.index_bytes = layout.bytes(lengths.at(0) / layout.sizes.chunk);
  const auto session = start_session(job, options.run, opened.models.all(), workload);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  NoRequests nothing;
  std::optional<IndexRun> run;
  if (job.first()) run.emplace(std::move(indexing.request), progress);
  {
    const LastWords last_words([&] {
      if (!job.first()) return std::this_thread::sleep_for(kRankZeroSpeaks);
      progress.clear();
      log_warn("interrupted: {} is not written", options.index.file);
    });
    session->generate(run ? static_cast<RequestSource&>(*run) : nothing, 1);
  }
  set_log_phase("report");
  agreed_on_first(job, [&] {
    progress.clear();
    finish(options, run->result(), *indexing.writer);
  });
  trace.write();
  return 0;
}

}  // namespace gemring
