// What a user can ask for: one struct per group of options, each field with default and unit. What an option is called,
// takes and means is described in table/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/cluster_plan.h"
#include "distributed/plan/ring_variant.h"
#include "engine/base/log.h"
#include "engine/generation/sampler.h"
#include "engine/kernels/compute.h"
#include "engine/selection/selection.h"
#include "engine/tensor/data_type.h"
#include "launch/options/job_options.h"

namespace gemring {

enum class Command : int {
  generate,
  logits,
  plan,
  simulate,
  inspect,
  bench,
  calibrate,
  eval,
  index,
  ask,
  chat,
  serve,
  render,
  tokenize,
  detokenize,
  launch
};
enum class Benchmark : int { prefill, decode, gemfilter, limits, kernels };
enum class KernelKind : int { all, linear, attention, decode };
enum class ProgressMode : int { automatic, always, never };  // automatic: where stderr is a terminal

enum class InvalidUtf8 : int { refuse, replace };  // replace: U+FFFD in its place, and a warning

/// The prompt as a message to a chat model (--chat), and what `gemring render` takes of it.
struct ChatOptions {
  bool on = false;
  std::optional<std::string> system;         // the system message; unset: the template's own, where it has one
  std::optional<std::string> user_file;      // the user's message; instead of the other sources of a prompt
  std::optional<std::string> messages;       // JSON of a whole conversation; instead of the other sources of a prompt
  std::optional<std::string> messages_file;  // the file with it
  std::optional<std::string> answer_prefix;  // behind the opening of the assistant's turn; the answer goes on from it
  std::optional<std::string> template_file;  // Jinja; unset: the model's
  std::optional<std::string> date;           // YYYY-MM-DD, what templates take for today; unset: the clock
};

/// Where the prompt comes from; at most one of text, file, ids, ids_file and those of chat. None: standard input.
struct PromptOptions {
  std::optional<std::string> text;
  std::optional<std::string> file;
  std::optional<std::string> ids;                  // JSON array of token ids: nothing is added, no tokenizer needed
  std::optional<std::string> ids_file;             // the file with it
  std::optional<std::string> question;             // put behind the prompt; its tokens are kept whatever their score
  InvalidUtf8 invalid_utf8 = InvalidUtf8::refuse;  // in any text that is given
  ChatOptions chat;
};

struct FilterOptions {
  Method method = Method::gemfilter;
  std::optional<std::int32_t> filter_layer;   // 0-based; unset: see choose_filter()
  std::optional<std::string> filter_profile;  // file; unset: see choose_filter()
  bool no_calibrate = false;                  // a model that nobody has measured is filtered by a rule of thumb
  std::optional<std::string> model;           // whose layers filter, as model_directory; unset: those of the model
  SelectionOptions selection;
};

struct GenerateOptions {
  std::int32_t max_new_tokens = 256;
  bool ignore_eos = false;
  std::vector<std::string> stop;  // texts that end the answer, and are no part of it
  SamplingOptions sampling;
  bool draw_seed = false;  // sampling.seed is still to be drawn; see draw_seeds()
};

/// Several requests in one run.
struct RequestsOptions {
  std::optional<std::string> file;       // JSON lines, "-": standard input; what lines do not say is as said here
  std::optional<std::int32_t> parallel;  // sequences in the stages at a time; unset: one more than there are stages
  double index_memory = 1024;            // MiB of all filter ranks, for texts that were read; 0: none are kept
};

/// How the passes run, whatever is asked. The same for every command that computes.
struct RunOptions {
  std::optional<std::string> cluster_file;  // unset: rank 0 filters, the others are stages
  std::optional<DataType> weights;          // what matrices become as they are loaded; unset: as stored
  std::optional<ComputeType> compute;       // of matrix products; unset: the fastest of the machine
  std::optional<DataType> kv_type;          // of the KV cache, f32 or bf16; unset: see cache_type()
  DataType message_type = DataType::f32;    // bf16, q8_0: less travels between ranks; results then depend on the plan
  std::optional<RingVariant> ring;          // how ranks share attention; unset: what costs least
  bool overlap = true;                      // messages move while ranks compute
  std::optional<std::int32_t> threads;      // of each rank; unset: the node's cores shared among its ranks
  std::optional<std::int32_t> omp_threads;  // OMP_NUM_THREADS where it was set: an upper bound, only a hint
  std::int32_t stall_timeout = 300;         // seconds without progress until a rank counts as hanging; 0: never
  bool allow_extrapolation = false;         // prompts beyond the model's range
  std::string isa;                          // GEMRING_ISA; empty: the best that all ranks have
};

/// The KV cache's type. Unset: f32 where f32 was asked of the products too; else bf16, which halves the cache and
/// rounds less than the products do (bench/README.md). The same on every machine, so that a plan's memory is.
constexpr DataType cache_type(const RunOptions& options) {
  return options.kv_type.value_or(options.compute == ComputeType::f32 ? DataType::f32 : DataType::bf16);
}

struct OutputOptions {
  ProgressMode progress = ProgressMode::automatic;
  std::optional<std::string> json_file;   // the full report; of bench also "" or "-": standard output, not the table
  std::optional<std::string> trace_file;  // spans of all ranks, in Chrome's trace format
  LogOptions log = {.level = LogLevel::warn};  // info: what was loaded, planned and done
  bool verbose = false;                        // the log's level is info at least
  bool log_all_ranks = false;                  // the others log as rank 0 does, instead of warnings only
};

struct LogitsOptions {
  std::int32_t last = 1;    // rows: the last positions of the prompt
  std::string output_file;  // safetensors with one tensor `logits`
};

struct PlanOptions {
  std::optional<std::int32_t> ranks;           // unset: the ranks of this job
  std::optional<std::int32_t> tokens;          // length of the prompt; unset: the model's limit, at most 16384
  std::optional<double> memory_gib;            // of each rank; unset: what its machine has available
  std::optional<std::int32_t> ranks_per_host;  // hosts of the cluster file filled in order; unset: as it says
  double hidden = 0.9;                         // share of a message that proceeds beside compute, for predictions
  bool probe = false;                          // measure the ranks instead, and write a cluster file
  std::optional<std::string> output_file;      // of the probe; unset: standard output
};

enum class Scaling : int { both, strong, weak };

struct RankRange {
  int first = 1;
  int last = 1;
};
inline constexpr int kMostSimulatedRanks = 65536;

/// "A..B", or "A". Throws UsageError.
RankRange parse_rank_range(const std::string& text);

struct SimulateOptions {
  std::string ranks = "1..1024";  // see parse_rank_range()
  Scaling scaling = Scaling::both;
};

struct BenchOptions {
  Benchmark benchmark = Benchmark::prefill;
  std::optional<std::string> random_weights;  // config.json of the shape; instead of --model
  std::optional<std::int32_t> tokens;         // length of the prompt, or of attention; unset: 4096, of attention 16384
  std::int32_t repetitions = 3;               // measured runs; the median counts
  std::int32_t warmup = 1;                    // runs before them
  KernelKind kernels = KernelKind::all;       // of `bench kernels`
  std::int32_t linear_tokens = 512;           // the same: rows of the activations of linear layers
  std::int32_t decode_tokens = 32;            // measured steps of `bench decode`
  std::uint64_t seed = 1;                     // of the prompt's pseudo-random ids
  bool draw_seed = false;                     // it is still to be drawn
};

struct CalibrateOptions {
  std::optional<std::string> texts;        // directory; unset: the bundled book
  std::optional<std::string> questions;    // file of questions, instead of needles in texts
  std::string lengths = "2048,8192";       // tokens of the prompts; see parse_lengths()
  std::int32_t samples = 2;                // of each kind and length
  std::string windows = "1024,0";          // see parse_windows()
  double target = 0.99;                    // recall of the answers' tokens
  std::uint64_t seed = 1;                  // of the needles
  bool draw_seed = false;                  // it is still to be drawn
  std::optional<std::string> output_file;  // unset: the user's cache
  std::optional<std::string> picture;      // SVG
};

/// "2048,8192": lengths of prompts, in their order; "1024..8192" doubles them. Throws UsageError: none, a length below
/// 256 or above kMostTokens.
std::vector<std::int32_t> parse_lengths(const std::string& text);

/// "512,0": windows of the filter pass's layers, 0 for none. Throws UsageError: none, above kWidestWindow.
std::vector<std::int32_t> parse_windows(const std::string& text);

enum class EvalSuite : int { niah, ruler, qa };

struct EvalOptions {
  EvalSuite suite = EvalSuite::niah;
  std::string methods = "full,profile";        // see launch/eval/methods.h
  std::optional<std::string> tasks;            // of niah and ruler, by name; unset: see task_names()
  std::string lengths = "4096";                // tokens of prompt and answer; see parse_lengths()
  std::string depths = "0,25,50,75,100";       // percent, of niah; see parse_depths()
  std::optional<std::int32_t> samples;         // of each task, length and depth; unset: 3, of qa all questions
  std::optional<std::int32_t> max_new_tokens;  // unset: each task's own
  std::int32_t parallel = 1;                   // cases in flight
  std::optional<std::string> texts;            // directory of books; unset: the bundled one
  std::optional<std::string> questions;        // file, of qa; unset: the bundled ones
  std::uint64_t seed = 1;                      // of the cases
  bool draw_seed = false;                      // it is still to be drawn
  std::string output;                          // directory
};

/// "0,50,100": percent of a text. Throws UsageError: none, or one outside 0..100.
std::vector<double> parse_depths(const std::string& text);

/// Unset limits: see service_limits().
struct ServeOptions {
  std::string host = "127.0.0.1";              // address to listen on
  std::int32_t port = 8080;                    // 0: any that is free
  std::optional<std::string> api_key;          // what clients have to send
  std::optional<std::string> api_key_file;     // whose first line is that
  bool no_api_key = false;                     // none, though others than this machine can ask
  std::vector<std::string> allowed_hosts;      // names that requests may call this server by
  std::optional<std::string> cors_origin;      // whose pages may ask
  std::optional<std::string> alias;            // the model's name for clients; unset: its own
  std::int32_t queue = 64;                     // requests that wait beside those in the stages
  std::int32_t request_timeout = 0;            // seconds; 0: none
  std::int32_t max_body = 64;                  // MiB
  std::optional<std::string> index_dir;        // where texts that are kept by name outlive the service
  double index_disk = 16384;                   // MiB of it
  std::optional<std::int32_t> max_prompt;      // tokens
  std::optional<std::int32_t> max_keep;        // tokens
  std::optional<std::int32_t> max_new_tokens;  // of an answer
};

/// Of `index`, which writes the file, and `ask`, which reads it.
struct IndexOptions {
  std::string text_file;
  std::string file;
  std::optional<std::string> of_chat;  // a file that `chat` reads
};

struct TokenizeOptions {
  bool special = false;  // with the tokens that the post-processor adds, such as BOS
};

struct Options {
  Command command = Command::generate;
  std::string model_directory;  // or a GGUF file
  PromptOptions prompt;
  FilterOptions filter;
  GenerateOptions generate;
  RequestsOptions requests;
  RunOptions run;
  OutputOptions output;
  LogitsOptions logits;
  PlanOptions plan;
  SimulateOptions simulate;
  BenchOptions bench;
  CalibrateOptions calibrate;
  EvalOptions eval;
  IndexOptions index;
  ServeOptions serve;
  TokenizeOptions tokenize;
  JobOptions job;
};

/// What the command line asks for: a command to run, or a text to print.
struct ParsedCommandLine {
  enum class Kind : int { run, text, version };
  Kind kind = Kind::run;
  std::string text;                   // Kind::text: --help, --reference
  Options options;                    // Kind::run
  std::vector<std::string> warnings;  // for the log: options that mean nothing here
  std::vector<std::string> notes;     // for the log: seeds that were drawn
};

/// `arguments` without the program's name. Options that are not given come from the environment (GEMRING_<OPTION>),
/// then from their defaults. Throws UsageError: unknown command or option, a value that is none, a bad combination.
ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments);

/// GEMRING_<OPTION> of every option of every command.
std::vector<std::string> option_variables();

/// Draws the seeds that are to be drawn: of less than 2^32, which any reader of JSON takes. What was drawn, as a
/// sentence for the log; empty: nothing.
std::string draw_seeds(Options& options);

}  // namespace gemring
