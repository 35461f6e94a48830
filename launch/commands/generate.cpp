#include <fmt/format.h>

#include <boost/serialization/vector.hpp>
#include <optional>

#include "distributed/comm/control.h"
#include "engine/base/format.h"
#include "engine/base/output_file.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/output/report.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// What the other ranks must know of rank 0's prompt.
struct PromptHeader {
  std::int32_t tokens = 0;
  std::uint64_t known_tokens = 0;
  std::vector<std::int32_t> chat_end_tokens;
  ResolvedSelection selection;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& tokens& known_tokens& chat_end_tokens& selection.keep& selection.pool_width& selection
        .keep_first& selection.keep_last;
  }
};

/// Reads and checks the prompt on rank 0; every rank gets the header.
PromptHeader agree_on_prompt(const Job& job, const Options& options, const OpenModel& model, const Tokenizer* tokenizer,
                             Prompt& prompt) {
  PromptHeader header;
  agreed_on_first(job, [&] {
    std::optional<ChatTemplate> chat;
    if (options.prompt.chat.on) chat.emplace(open_chat_template(options.model_directory, options.prompt.chat));
    prompt = load_prompt(options.prompt, tokenizer, chat ? &*chat : nullptr, model.config);
    if (chat) header.chat_end_tokens = chat_end_tokens(*chat, *tokenizer);
    header.tokens = static_cast<std::int32_t>(prompt.ids.size());
    header.known_tokens = tokenizer == nullptr ? 0 : tokenizer->size();
    if (options.filter.method == Method::gemfilter) {
      header.selection = resolve(options.filter.selection, header.tokens, prompt.question_tokens);
    }
    check_length(header.tokens, options.filter, header.selection, options.generate.max_new_tokens,
                 model.config.max_positions, options.run.allow_extrapolation);
  });
  broadcast_control(job.world, header, 0);
  return header;
}

Workload workload_of(const Options& options, const PromptHeader& header, LayerIndex filter_layer) {
  Workload workload;
  workload.method = options.filter.method;
  workload.filter_layer = filter_layer;
  workload.prompt_tokens = header.tokens;
  workload.keep = header.selection.keep;
  workload.new_tokens = options.generate.max_new_tokens;
  return workload;
}

GenerationRequest request_of(const Options& options, const PromptHeader& header, const OpenModel& model) {
  GenerationRequest request;
  request.selection = header.selection;
  request.sampling = options.generate.sampling;
  std::vector<TokenId> end_tokens = model.config.end_tokens;
  for (const std::int32_t id : header.chat_end_tokens) end_tokens.emplace_back(id);
  request.stop = {std::move(end_tokens), options.generate.max_new_tokens, options.generate.ignore_eos};
  request.known_tokens = header.known_tokens;
  return request;
}

void log_result(const GenerationResult& result) {
  log_info(
      "{} of {} prompt tokens kept, first token after {:.2f} s ({:.0f} prompt tokens/s), {} tokens generated "
      "({:.2f} tokens/s after the first)",
      grouped(result.kept.size()), grouped(static_cast<std::uint64_t>(result.prompt_tokens)),
      result.time_to_first_token_seconds, result.prefill_tokens_per_second, result.generated_ids.size(),
      result.decode_tokens_per_second);
  if (result.ranks.size() == 1) return;  // its phases stand in the log already
  log_lines(phase_table(result.phases, result.ranks));
}

}  // namespace

int run_generate(const Job& job, const Options& options) {
  if (options.requests.file) return run_generate_requests(job, options);
  agreed_on_first(job, [&] {
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  const LayerIndex filter_layer = agree_on_filter_layer(job, options, model.config);
  const std::optional<Tokenizer> owned = open_tokenizer(job, model.name, !options.prompt.ids_file);
  const Tokenizer* const tokenizer = owned ? &*owned : nullptr;
  Prompt prompt;
  const PromptHeader header = agree_on_prompt(job, options, model, tokenizer, prompt);
  const auto session = start_session(job, options.run, model, workload_of(options, header, filter_layer));

  GenerationRequest request = request_of(options, header, model);
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  TextOutput output(tokenizer, progress);
  if (job.first()) {
    request.prompt = prompt.ids;
    request.on_token = [&](TokenId id) { output.push(id); };
    request.on_progress = [&](std::string_view phase, double done, double total) {
      progress.update(phase, done, total);
    };
  }
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  const GenerationResult result = session->generate(request);

  set_log_phase("report");
  agreed_on_first(job, [&] {
    output.finish();
    log_result(result);
    if (options.output.json_file) {
      write_file(*options.output.json_file, generation_report(result, prompt.ids, tokenizer));
    }
  });
  trace.write();
  return 0;
}

}  // namespace gemring
