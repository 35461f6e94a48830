#include "launch/options/command_line_plan.h"

namespace gemring {
namespace {

void add_model_shape(Builder& add, Options& options) {
  add.optional("--random-weights", options.bench.random_weights, "CONFIG.json",
               "instead of --model: a model of that shape, of which no weights are needed");
}

void add_request(Builder& add, Options& options) {
  add.group("Request");
  add.optional("--tokens", options.plan.tokens, "N", "length of the prompt. Unset: the model's limit, at most 16384");
  add.value("--max-new-tokens", options.generate.max_new_tokens, "TOKENS", "tokens to generate behind it");
}

void add_machines(Builder& add, Options& options) {
  add.optional("--ranks-per-host", options.plan.ranks_per_host, "N",
               "fill the cluster file's hosts in order with N ranks each. Unset: as the file says");
  add.value("--hidden", options.plan.hidden, "SHARE",
            "of a message that proceeds while its ranks compute, 0 to 1: what seconds are counted with (0 with "
            "--overlap off)");
}

}  // namespace

void add_plan_options(Builder& add, Options& options) {
  add_model_shape(add, options);
  add.group("Ranks");
  add.optional("--ranks", options.plan.ranks, "N", "plan for N ranks without starting them. Unset: this job's");
  add_machines(add, options);
  add.optional("--memory", options.plan.memory_gib, "GIB",
               "memory of each rank. Unset: what its machine has (with --ranks: the cluster file's, else this machine, "
               "for each rank)");
  add_request(add, options);
  add.group("Probe");
  add.flag("--probe", options.plan.probe,
           "measure every rank of this job, in less than ten seconds, and write a cluster file with what they do:\n"
           "layers of the model's shape, or, without a model, of 2048 wide ones in bf16 and q8_0; memory; links");
  add.optional("--output", options.plan.output_file, "FILE",
               "the cluster file that --probe writes; --cluster's groups go into it. Unset: standard output");
}

void add_simulate_options(Builder& add, Options& options) {
  add_model_shape(add, options);
  add.group("Scaling");
  add.value("--ranks", options.simulate.ranks, "A..B",
            "numbers of ranks: A, the powers of two up to B, and B. Hosts beyond the cluster file's are like these");
  add_machines(add, options);
  add.choice<Scaling>("--scaling", options.simulate.scaling,
                      {{"both", Scaling::both}, {"strong", Scaling::strong}, {"weak", Scaling::weak}},
                      "strong: the same prompt on more ranks; weak: a prompt as many times as long");
  add_request(add, options);
}

}  // namespace gemring
