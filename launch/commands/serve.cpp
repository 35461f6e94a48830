#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "distributed/session/request_source.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "launch/commands/commands.h"
#include "launch/commands/opened.h"
#include "launch/output/report.h"
#include "launch/output/text_output.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/given_text.h"
#include "launch/serve/service.h"
#include "launch/serve/service_limits.h"
#include "launch/start/last_words.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

constexpr std::chrono::seconds kLastAnswers{5};  // in which clients take what was answered, at the end

std::optional<std::string> key_of(const ServeOptions& options) {
  std::optional<std::string> key = options.api_key;
  if (options.api_key_file) {
    key = read_given_text(*options.api_key_file, "--api-key-file");
    key->resize(std::min(key->size(), key->find_first_of("\r\n")));
  }
  if (!key) return key;
  const bool is_plain = std::all_of(key->begin(), key->end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (key->empty() || !is_plain) {
    throw UsageError({options.api_key ? "--api-key" : "--api-key-file", "is no key: a header cannot hold it",
                      "take printable characters of ASCII without spaces"});
  }
  return key;
}

std::string name_for_clients(const Options& options) {
  if (options.serve.alias) return *options.serve.alias;
  std::filesystem::path path(options.model_directory);
  if (!path.has_filename()) path = path.parent_path();
  return (path.extension() == ".gguf" ? path.stem() : path.filename()).string();
}

/// Rank 0's part: the server and what stands behind it.
struct Served {
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<Service> service;
  std::string no_chat;  // why there is no chat
  std::unique_ptr<RequestMaker> plain, chat;
  std::unique_ptr<IndexDirectory> index;
  std::optional<ServiceModel> model;

  ~Served() {
    if (server) server->stop();  // its threads use all the others
  }
  Served() = default;
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
};

void listen(const Options& options, Served& served) {
  const ServeOptions& wanted = options.serve;
  HttpLimits limits;
  limits.longest_body = static_cast<std::size_t>(wanted.max_body) << 20;
  const std::optional<std::string> key = key_of(wanted);
  served.server = std::make_unique<HttpServer>(wanted.host, static_cast<std::uint16_t>(wanted.port), limits);
  if (!served.server->is_loopback() && !key && !wanted.no_api_key) {
    throw UsageError({"--host", fmt::format("others than this machine can reach {}, and there is no key", wanted.host),
                      "give --api-key-file FILE (or GEMRING_API_KEY), or --no-api-key where everybody may ask"});
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  served.service = std::make_unique<Service>(
      *served.server,
      Service::Setting{.access = {key, wanted.allowed_hosts, wanted.cors_origin},
                       .name = name_for_clients(options),
                       .model_path = std::filesystem::path(options.model_directory).filename().string(),
                       .timeout = static_cast<double>(wanted.request_timeout),
                       .text_bytes = static_cast<std::size_t>(options.requests.index_memory * (1 << 20)),
                       .started = std::chrono::duration_cast<std::chrono::seconds>(now).count()});
}

/// The templates of chats, where the model has some; without them there are completions.
void open_chat(const Options& options, Opened& opened, Served& served) {
  try {
    open_templates(options, opened);
  } catch (const ConfigError& error) {
    if (options.prompt.chat.template_file) throw;
    served.no_chat = error.what();
    log_warn("no chats: {}", served.no_chat);
  }
}

/// Texts that an earlier run has kept.
void open_index(const Options& options, const Opened& opened, Served& served) {
  if (!options.serve.index_dir) return;
  require_window(opened.filter, opened.models.all().filter.name);
  const IndexSetting setting = index_setting(options, opened);
  served.index = std::make_unique<IndexDirectory>(
      IndexDirectory::Setting{.path = *options.serve.index_dir,
                              .key = setting.key,
                              .layout = setting.layout,
                              .most_bytes = static_cast<std::uint64_t>(options.serve.index_disk * (1 << 20))});
  for (IndexDirectory::KeptText& text : served.index->open()) served.service->take(std::move(text));
}

void open_service(const Options& options, const Opened& opened, const ServiceLimits& limits, Served& served) {
  RequestSetting setting = opened.setting(options);
  if (opened.chat) served.chat = std::make_unique<RequestMaker>(setting);
  setting.chat = nullptr;
  if (setting.filter_vocabulary) setting.filter_vocabulary.emplace(FilterVocabulary{*opened.filter_tokenizer, nullptr});
  served.plain = std::make_unique<RequestMaker>(setting);
  served.model.emplace(ServiceModel{.plain = *served.plain,
                                    .chat = served.chat.get(),
                                    .no_chat = served.no_chat,
                                    .tokenizer = *opened.tokenizer,
                                    .chat_template = opened.chat ? &*opened.chat : nullptr,
                                    .config = opened.models.answer.config,
                                    .filter = describe(opened.filter),
                                    .limits = limits,
                                    .passes_text = opened.passes_text,
                                    .index = served.index.get()});
  served.service->open(*served.model);
  write_result(
      fmt::format("{} on http://{}:{}\n", name_for_clients(options), options.serve.host, served.server->port()));
}

}  // namespace

int run_serve(const Job& job, const Options& options) {
  Served served;
  agreed_on_first(job, [&] { listen(options, served); });
  const Placement placement = prepare_compute(job, options.run);
  set_log_phase("load");
  Opened opened = open_all(job, options);
  agreed_on_first(job, [&] {
    if (!opened.tokenizer)
      throw ConfigError({options.model_directory, "has no tokenizer, so no text can be read", "put it there"});
    open_chat(options, opened, served);
    open_index(options, opened, served);
  });
  const Workload workload = least_workload(job, options, opened);
  const PlannedSession planned = plan_session(job, options.run, opened.models.all(), workload);
  ServiceLimits limits;
  agreed_on_first(job, [&] { limits = service_limits(options, opened.models.all(), planned, workload.parallel); });
  const auto session = open_session(job, opened.models.all(), planned);
  step_back_behind_filter(job, planned.plan, placement);
  set_log_phase("serve");
  JobReport report;
  {
    // mpirun gives a signal to every rank: the others wait for what rank 0 decides.
    const LastWords drains(
        [&] {
          if (!job.first()) return;
          log_warn("ending: what was accepted is answered, nothing more is; a second signal ends it at once");
          served.service->drain();
        },
        LastWords::Then::goes_on);
    NoRequests nothing;
    if (job.first()) open_service(options, opened, limits, served);
    report = session->generate(job.first() ? served.service->source() : nothing, workload.parallel);
    if (job.first()) served.server->finish(kLastAnswers);
  }
  set_log_phase("report");
  if (job.first()) log_lines(phase_table(report.phases, report.ranks));
  return 0;
}

}  // namespace gemring
