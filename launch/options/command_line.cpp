#include "launch/options/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "engine/base/error.h"
#include "launch/options/command_line_plan.h"
#include "launch/options/launch_options.h"
#include "launch/options/option_builder.h"
#include "launch/options/request_options.h"

namespace gemring {
namespace {

constexpr const char* kFooter =
    "\nEvery option may also come from the environment: GEMRING_MAX_NEW_TOKENS for --max-new-tokens; the command line\n"
    "wins. GEMRING_ISA=portable|avx2|avx512|avx512vnni|avx512bf16|amx chooses the kernels. Under mpirun rank 0's "
    "command\n"
    "line and environment count for all ranks.";

const Choices<DataType> kMessageTypes = {{"f32", DataType::f32}, {"bf16", DataType::bf16}, {"int8", DataType::q8_0}};
const Choices<std::optional<RingVariant>> kRings = {{"auto", std::nullopt},
                                                    {"pass-kv", RingVariant::pass_kv},
                                                    {"pass-q", RingVariant::pass_q},
                                                    {"token-ring", RingVariant::token_ring},
                                                    {"all-gather", RingVariant::all_gather}};
const Choices<bool> kSwitch = {{"on", true}, {"off", false}};
const Choices<std::optional<DataType>> kKvTypes = {
    {"auto", std::nullopt}, {"f32", DataType::f32}, {"bf16", DataType::bf16}};
const Choices<std::optional<DataType>> kWeightTypes = {{"stored", std::nullopt}, {"f32", DataType::f32},
                                                       {"bf16", DataType::bf16}, {"q8_0", DataType::q8_0},
                                                       {"q4_0", DataType::q4_0}, {"q4_k", DataType::q4_k}};
const Choices<std::optional<ComputeType>> kComputeTypes = {
    {"auto", std::nullopt}, {"f32", ComputeType::f32}, {"bf16", ComputeType::bf16}, {"int8", ComputeType::int8}};

void add_model(Builder& add, Options& options) {
  add.group("Model");
  add.value("--model", options.model_directory, "PATH",
            "directory with config.json, model.safetensors (or its shards) and tokenizer.json; or a GGUF file");
}

void add_prompt_ids(Builder& add, PromptOptions& prompt) {
  add.optional("--prompt-ids", prompt.ids_file, "FILE",
               "JSON array of token ids; nothing is added, and no tokenizer is needed");
}

void add_template(Builder& add, ChatOptions& chat) {
  add.optional("--chat-template", chat.template_file, "FILE",
               "a chat template (Jinja) that gemring knows, instead of the model's own");
  add.optional("--date", chat.date, "YYYY-MM-DD", "what chat templates take for today's date. Unset: the clock's");
}

void add_chat(Builder& add, ChatOptions& chat, bool from_environment) {
  add.group("Chat");
  add.flag("--chat", chat.on,
           "the prompt and behind it the question are the user's message in the model's chat format;\n"
           "special tokens written in it stay text");
  add.optional("--system", chat.system, "TEXT", "the system message. Unset: the template's own, where it has one");
  add.use_environment(from_environment);
  add.optional("--user-file", chat.user_file, "FILE", "the user's message, instead of --prompt-file");
  add.use_environment(true);
  add.optional("--answer-prefix", chat.answer_prefix, "TEXT", "how the answer begins; it goes on from there");
  add_template(add, chat);
}

void add_prompt(Builder& add, PromptOptions& prompt, bool from_environment) {
  add.group("Prompt (standard input where none of the first three, and no --user-file, is given)");
  add.use_environment(from_environment);
  add.optional("--prompt", prompt.text, "TEXT", "the prompt itself");
  add.optional("--prompt-file", prompt.file, "FILE", "UTF-8 text; special tokens in it are recognised");
  add_prompt_ids(add, prompt);
  add.use_environment(true);
  add.optional("--question", prompt.question, "TEXT",
               "put behind the prompt on a line of its own; its tokens are kept whatever their score");
}

void add_selection(Builder& add, FilterOptions& filter) {
  SelectionOptions& selection = filter.selection;
  add.optional("--filter-layer", filter.filter_layer, "R",
               "layers below R read the whole prompt (0-based); a layer too early misses the answer.\n"
               "Unset: the model's gemring.json, else round(0.45 x layers)");
  add.optional("--keep", selection.keep, "TOKENS",
               "length of the compressed prompt, forced tokens included. Unset: prompt/16, at least 1024");
  add.value("--pool", selection.pool_width, "TOKENS",
            "odd width of the average over neighbouring scores; 1 turns it off");
  add.value("--keep-first", selection.keep_first, "TOKENS", "kept at the beginning whatever their score");
  add.optional("--keep-last", selection.keep_last, "TOKENS",
               "kept at the end whatever their score. Unset: the tokens of --question, else 64");
  add.choice<SelectionPolicy>("--selection", selection.policy,
                              {{"forced", SelectionPolicy::forced}, {"paper", SelectionPolicy::paper}},
                              "paper: nothing is kept but by its score (arXiv 2409.17422)");
}

void add_filter(Builder& add, FilterOptions& filter) {
  add.group("Filter");
  add.choice<Method>("--method", filter.method, {{"gemfilter", Method::gemfilter}, {"full", Method::full}},
                     "full: no filter, every token goes through every layer");
  add_selection(add, filter);
}

void add_generation(Builder& add, GenerateOptions& generate) {
  add.group("Generation");
  add.value("--max-new-tokens", generate.max_new_tokens, "TOKENS", "stop after this many");
  add.flag("--ignore-eos", generate.ignore_eos, "go on behind the model's end tokens");
  add.value("--temperature", generate.sampling.temperature, "T",
            "0: always the likeliest token; 0.7 to 1.0 for open text");
  add.value("--top-k", generate.sampling.top_k, "TOKENS", "sample among this many likeliest; 0: among all");
  add.value("--top-p", generate.sampling.top_p, "P", "sample among the likeliest that together have this probability");
  add.value("--seed", generate.sampling.seed, "N", "of the random numbers; the same text for any number of ranks");
}

void add_cluster(Builder& add, RunOptions& run) {
  add.group("Ranks");
  add.optional("--cluster", run.cluster_file, "FILE",
               "who filters and who owns which layers (cluster-configs/*.json).\n"
               "Unset: rank 0 filters, the others share the layers");
}

void add_messages(Builder& add, RunOptions& run) {
  add.choice(
      "--ring", run.ring, kRings,
      "how ranks that share a sequence meet: keys travel (pass-kv, all-gather) or queries (pass-q, token-ring).\n"
      "auto: what costs least, by bytes and links, for each chunk; answers are the same");
  add.choice("--overlap", run.overlap, kSwitch, "messages move while ranks compute; off: only while they wait");
}

void add_numbers(Builder& add, RunOptions& run) {
  add.choice("--weights", run.weights, kWeightTypes,
             "convert the model's matrices to this type as they are loaded (random ones: stored is bf16; q4_k is for "
             "these only)");
  add.choice("--compute", run.compute, kComputeTypes,
             "type of activations in matrix products. auto: what the machine does fastest; f32: exact;\n"
             "bf16: rounded to it in products of many tokens; int8: rounded to 8 bits in those with weights in blocks");
  add.choice("--kv-type", run.kv_type, kKvTypes,
             "KV cache; bf16 halves it and rounds keys and values. auto: f32 with --compute f32, else bf16");
  add.choice(
      "--message-type", run.message_type, kMessageTypes,
      "what travels between ranks (keys and values of a bf16 cache do so as they are); bf16 and int8 are a half\n"
      "and a quarter, but answers then depend on how many ranks there are");
  add.flag("--allow-extrapolation", run.allow_extrapolation,
           "read prompts beyond the positions that the model was made for; answers may be nonsense");
}

void add_threads(Builder& add, RunOptions& run) {
  add.optional("--threads", run.threads, "N", "of each rank. Unset: the node's cores shared among its ranks");
}

void add_run(Builder& add, RunOptions& run) {
  add_cluster(add, run);
  add_messages(add, run);
  add_numbers(add, run);
  add_threads(add, run);
  add.value("--stall-timeout", run.stall_timeout, "SECONDS",
            "a rank that makes no progress for so long is named, and the job ends with exit code 6; 0: never");
}

/// A file, or standard output instead of the table.
void add_json_lines(Builder& add, OutputOptions& output) {
  add.optional(
         "--json", output.json_file, "[FILE]",
         "write one JSON object a line (proto/) there; without FILE, or with -, to standard output instead of the "
         "table")
      ->expected(0, 1);
}

void add_progress(Builder& add, OutputOptions& output) {
  add.choice<ProgressMode>(
      "--progress", output.progress,
      {{"auto", ProgressMode::automatic}, {"always", ProgressMode::always}, {"never", ProgressMode::never}},
      "progress on standard error; auto: where that is a terminal");
}

void add_trace(Builder& add, OutputOptions& output) {
  add.optional("--trace", output.trace_file, "FILE",
               "write there what every rank did when, for chrome://tracing or ui.perfetto.dev");
}

void add_log(Builder& add, OutputOptions& output) {
  add.choice<LogLevel>("--log-level", output.log.level,
                       {{"debug", LogLevel::debug},
                        {"info", LogLevel::info},
                        {"warn", LogLevel::warn},
                        {"error", LogLevel::error},
                        {"off", LogLevel::off}},
                       "of rank 0; the other ranks log warnings and errors");
  add.choice<LogFormat>("--log-format", output.log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}},
                        "json: one object a line");
  add.flag("--log-all-ranks", output.log_all_ranks, "the other ranks log as much as rank 0");
}

void add_output(Builder& add, OutputOptions& output) {
  add.group("Output");
  add.optional("--json", output.json_file, "FILE", "write the full report there as JSON");
  add_trace(add, output);
  add_progress(add, output);
  add_log(add, output);
}

void add_logits(Builder& add, Options& options, bool prompt_from_environment) {
  add.group("Prompt and output");
  add.use_environment(prompt_from_environment);
  add_prompt_ids(add, options.prompt);
  add.use_environment(true);
  add.value("--last", options.logits.last, "N", "rows: the last N positions of the prompt");
  add.value("--output", options.logits.output_file, "FILE", "safetensors with the tensor `logits` [N, vocab], f32");
  add_trace(add, options.output);
  add_progress(add, options.output);
  add_log(add, options.output);
}

/// `plan` and `simulate`: on paper, nothing of the model is loaded.
void add_planning(Builder& add, Command command, Options& options) {
  command == Command::plan ? add_plan_options(add, options) : add_simulate_options(add, options);
  add_filter(add, options.filter);
  add_cluster(add, options.run);
  add_messages(add, options.run);
  add_numbers(add, options.run);
  add_threads(add, options.run);
  add_parallel(add, options.requests);
  add.group("Output");
  add_json_lines(add, options.output);
  add_log(add, options.output);
}

void add_bench(Builder& add, CLI::App& app, Options& options) {
  add.group("Benchmark");
  add.choice<Benchmark>(
         "benchmark", options.bench.benchmark,
         {{"limits", Benchmark::limits},
          {"kernels", Benchmark::kernels},
          {"prefill", Benchmark::prefill},
          {"decode", Benchmark::decode},
          {"gemfilter", Benchmark::gemfilter}},
         "limits: what the machine itself can do; kernels: linear layers, attention and products of decode "
         "as a share of it (both without a model);\n"
         "prefill: --method full to the first token; decode: tokens after the first; gemfilter: filter "
         "and compressed prefill to the first token")
      ->required()
      ->default_str("");
  app.get_formatter()->label("Positionals", "Benchmark");
  add.optional("--random-weights", options.bench.random_weights, "CONFIG.json",
               "instead of --model: random weights of that shape, made in memory");
  add.optional("--tokens", options.bench.tokens, "N",
               "length of the prompt (pseudo-random ids), or of kernels' attention. Unset: 4096, of attention 16384");
  add.value("--max-new-tokens", options.bench.decode_tokens, "TOKENS", "measured steps of `bench decode`");
  add.value("--repetitions", options.bench.repetitions, "N", "measured runs; the median counts");
  add.value("--warmup", options.bench.warmup, "N", "runs before them");
  add.value("--seed", options.bench.seed, "N", "of the prompt");
  add.group("Kernels (kernels only)");
  add.choice<KernelKind>("--kernels", options.bench.kernels,
                         {{"all", KernelKind::all},
                          {"linear", KernelKind::linear},
                          {"attention", KernelKind::attention},
                          {"decode", KernelKind::decode}},
                         "which of them; each in every type of products that the machine has, whatever --compute says");
  add.value("--linear-tokens", options.bench.linear_tokens, "N", "rows of the activations of linear layers");
  add.group("Filter (gemfilter only)");
  add_selection(add, options.filter);
  add_run(add, options.run);
  add.group("Output");
  add_json_lines(add, options.output);
  add_trace(add, options.output);
  add_progress(add, options.output);
  add_log(add, options.output);
}

/// The commands on text, which need nothing of a model but its tokenizer's files.
void add_text_command(Builder& add, Command command, Options& options) {
  add.group("Model");
  add.value("--model", options.model_directory, "PATH",
            command == Command::render ? "directory with tokenizer_config.json or chat_template.jinja; or a GGUF file"
                                       : "directory with tokenizer.json, that file itself, or a GGUF file");
  add.group("Text");
  if (command == Command::render) add_template(add, options.prompt.chat);
  if (command == Command::tokenize) {
    add.flag("--special", options.tokenize.special, "with the tokens that the tokenizer adds, such as BOS");
  }
  add.group("Output");
  add_log(add, options.output);
}

void add_options(const CommandWords& words, CLI::App& app, Options& options, bool prompt_from_environment) {
  Builder add(app);
  const bool text_command =
      words.command == Command::render || words.command == Command::tokenize || words.command == Command::detokenize;
  if (text_command) return add_text_command(add, words.command, options);
  add_model(add, options);
  switch (words.command) {
    case Command::generate:
      add_prompt(add, options.prompt, prompt_from_environment);
      add_chat(add, options.prompt.chat, prompt_from_environment);
      add_filter(add, options.filter);
      add_generation(add, options.generate);
      add_requests(add, options.requests);
      add_run(add, options.run);
      return add_output(add, options.output);
    case Command::logits:
      add_logits(add, options, prompt_from_environment);
      return add_run(add, options.run);
    case Command::plan:
    case Command::simulate:
      return add_planning(add, words.command, options);
    case Command::inspect:
      add.group("Output");
      return add_log(add, options.output);
    case Command::bench:
      return add_bench(add, app, options);
    case Command::launch:
      add_launch(add, app, options);
      add_prompt(add, options.prompt, prompt_from_environment);
      add_chat(add, options.prompt.chat, prompt_from_environment);
      add_filter(add, options.filter);
      add_generation(add, options.generate);
      add_run(add, options.run);
      return add_output(add, options.output);
    case Command::render:
    case Command::tokenize:
    case Command::detokenize:
      return;
  }
}

}  // namespace

struct CommandLine::State {
  explicit State(const CommandWords& words)
      : app(std::string(words.description), fmt::format("gemring {}", words.name)), name(words.name) {}
  CLI::App app;
  std::string name;
  Options options;
};

CommandLine::CommandLine(const CommandWords& words, bool prompt_from_environment)
    : state_(std::make_unique<State>(words)) {
  CLI::App& app = state_->app;
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(kFooter);
  app.set_help_flag("-h,--help", "this text")->group("");
  state_->options.command = words.command;
  add_options(words, app, state_->options, prompt_from_environment);
}

CommandLine::~CommandLine() = default;

std::optional<std::string> CommandLine::parse(const std::vector<std::string>& arguments) {
  try {
    state_->app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them backwards
  } catch (const CLI::CallForHelp&) {
    return state_->app.help();
  } catch (const CLI::ExtrasError&) {
    throw UsageError({"command line",
                      fmt::format("'{}' is no option of gemring {}", state_->app.remaining().at(0), state_->name),
                      fmt::format("gemring {} --help lists the options", state_->name)});
  } catch (const CLI::ParseError& error) {
    throw UsageError({"command line", error.what(),
                      fmt::format("gemring {} --help lists the options with their units", state_->name)});
  }
  return std::nullopt;
}

const Options& CommandLine::options() const {
  return state_->options;
}

std::vector<std::string> CommandLine::words_for(const CommandLine& other, std::string_view except) const {
  std::vector<std::string> words;
  for (const CLI::Option* option : state_->app.get_options()) {
    const std::string name = option->get_name();
    if (name == except || option->count() == 0 || other.state_->app.get_option_no_throw(name) == nullptr) continue;
    if (option->get_expected_max() == 0) {  // a flag, which the environment may also set to 0
      if (option->as<bool>()) words.push_back(name);
      continue;
    }
    const std::string value = option->results().front();
    const bool looks_like_option = value.starts_with('-');
    words.push_back(looks_like_option ? fmt::format("{}={}", name, value) : name);
    if (!looks_like_option) words.push_back(value);
  }
  return words;
}

std::vector<std::string> CommandLine::variables() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : state_->app.get_options()) {
    if (!option->get_envname().empty()) names.push_back(option->get_envname());
  }
  return names;
}

}  // namespace gemring
