#include "launch/commands/opened.h"

#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/log.h"
#include "launch/calibrate/calibration_run.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/vocabulary.h"
#include "launch/start/pinning.h"

namespace gemring {
namespace {

constexpr double kMib = 1 << 20;

/// And whether its tokens are those of the model that answers: then ids are all that it passes on.
void open_filter_tokenizer(const Job& job, bool needs_text, Opened& opened) {
  const RunModels models = opened.models.all();
  opened.filter_tokenizer = open_tokenizer(job, models.filter.name, needs_text);
  agreed_on_first(job, [&] {
    opened.passes_text =
        !have_one_vocabulary({models.answer, opened.tokenizer ? &*opened.tokenizer : nullptr},
                             {models.filter, opened.filter_tokenizer ? &*opened.filter_tokenizer : nullptr});
    if (!opened.passes_text) return;
    log_info("{} has another vocabulary than {}: it passes on texts", models.filter.name, models.answer.name);
  });
}

}  // namespace

Opened open_all(const Job& job, const Options& options) {
  Opened opened;
  opened.models = open_models(job, options);
  const RunModels models = opened.models.all();
  const bool needs_text = options.requests.file || !options.prompt.ids_file;
  opened.tokenizer = open_tokenizer(job, models.answer.name, needs_text);
  if (!models.are_one()) open_filter_tokenizer(job, needs_text, opened);
  const std::optional<Tokenizer>& reads_first = models.are_one() ? opened.tokenizer : opened.filter_tokenizer;
  bool can_ask = reads_first.has_value() && quick_calibration_tokens(models.filter.config) > 0;
  broadcast_control(job.world, can_ask, 0);
  MeasureFilter measure;
  if (can_ask) {
    const Tokenizer* const tokenizer = job.first() ? &*reads_first : nullptr;
    measure = [&, tokenizer] { return calibrate_on_the_spot(job, options, models.filter, tokenizer); };
  }
  opened.filter = agree_on_filter(job, options, models.filter, measure);
  agreed_on_first(job, [&] {
    if (options.prompt.chat.on) open_templates(options, opened);
  });
  return opened;
}

void open_templates(const Options& options, Opened& opened) {
  ChatTemplate chat = open_chat_template(options.model_directory, options.prompt.chat);
  if (opened.passes_text) {
    ChatOptions own = options.prompt.chat;
    own.template_file.reset();  // of the model that answers
    opened.filter_chat.emplace(open_chat_template(opened.models.all().filter.name, own));
  }
  opened.chat.emplace(std::move(chat));
}

Workload least_workload(const Job& job, const Options& options, const Opened& opened) {
  ResolvedSelection least;
  least.keep = 1;
  Workload workload = workload_of(options.filter.method, opened.filter, 1, least, 1);
  const ClusterPlan plan = agree_on_plan(job, options.run, options.filter.method,
                                         opened.models.answer.config.layer_count(), job.world.size());
  workload.parallel = options.requests.parallel.value_or(static_cast<std::int32_t>(plan.stages.size()) + 1);
  workload.index_bytes = static_cast<std::uint64_t>(options.requests.index_memory * kMib);
  return workload;
}

IndexSetting index_setting(const Options& options, const Opened& opened) {
  const OpenModel& filter = opened.models.all().filter;
  const DataType kv_type = cache_type(options.run);
  return {index_key(filter.weights->fingerprint(), opened.filter, kv_type),
          reading_layout(filter.config, opened.filter, {.kv_type = kv_type})};
}

std::uint64_t index_memory_of(const IndexFile& index, const Options& options, const Opened& opened) {
  const IndexSetting setting = index_setting(options, opened);
  check_index(index.head(), setting.key, setting.layout, index.path());
  return setting.layout.bytes(index.head().chunks());
}

void step_back_behind_filter(const Job& job, const ClusterPlan& plan, const Placement& placement) {
  if (placement.crowded && plan.method == Method::gemfilter && !plan.filters(job.rank())) step_back();
}

}  // namespace gemring
