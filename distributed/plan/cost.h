// What a plan costs each rank in bytes and FLOP, before anything runs. Pure: from the config, the lengths and the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/cluster_plan.h"
#include "distributed/plan/ring_variant.h"
#include "engine/attention/window_cache.h"
#include "engine/kernels/compute.h"
#include "engine/model/config.h"
#include "engine/tensor/data_type.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// A checkpoint as plans see it. Refers to what PlanInputs hold.
struct PlannedModel {
  const ModelConfig& config;
  const std::vector<TensorInfo>& tensors;
  bool weights_shared;
};

struct PlanInputs {
  ModelConfig model;                // that answers
  std::vector<TensorInfo> tensors;  // of the checkpoint (TensorSource::tensors, or expected_tensors)
  bool weights_shared = true;       // mapped from files: the ranks of a host hold a tensor once. Random weights: no
  /// Another checkpoint, on which the filter pass runs.
  struct FilterModel {
    ModelConfig config;
    std::vector<TensorInfo> tensors;
    bool weights_shared = true;
  };
  std::optional<FilterModel> filter_model = {};  // unset: `model` filters and answers
  std::int32_t prompt_tokens = 0;                // with max_new_tokens at most kMostTokens (limits.h)
  std::int32_t keep = 0;                         // length of the compressed prompt; no matter with Method::full
  std::int32_t max_new_tokens = 0;
  LayerIndex filter_layer;           // r
  std::int32_t scoring_columns = 1;  // pairs of head and query that a filter pass gathers, one float a token each
  std::int32_t scoring_layers = 1;   // layers that they belong to
  std::int32_t scoring_queries = 1;  // of the question, in each of these layers
  WindowSizes window;                // of a windowed filter pass; a window of 0: it is exact
  DataType kv_type = DataType::f32;
  DataType message_type = DataType::f32;         // of activations between stages, and of ring blocks (message_types.h)
  std::optional<RingVariant> ring_variant = {};  // unset: the cheapest of each group and chunk
  std::int32_t threads_per_rank = 1;
  Compute compute;               // types that products run in
  std::int32_t token_block = 0;  // tokens a layer works on at a time; 0: as it does (decoder_layer.h)
  std::int32_t logit_rows = 1;   // positions whose logits are wanted of a prefill
  std::int32_t requests = 1;     // one after the other; more than one: a filter pass meets the weights of all layers
  // Sequences in the stages at a time, each as long as said above, beside a filter pass: 0 is one request by itself;
  // at most kMostParallel.
  std::int32_t parallel = 0;
  std::uint64_t index_bytes = 0;  // of all filter ranks together: what windowed passes have read and keep

  PlannedModel answering() const { return {model, tensors, weights_shared}; }
  PlannedModel filtering() const {
    return filter_model ? PlannedModel{filter_model->config, filter_model->tensors, filter_model->weights_shared}
                        : answering();
  }

  /// Whether a filter pass runs, and the length of the prefill.
  bool filters(Method method) const { return method == Method::gemfilter && prompt_tokens > keep; }
  std::int32_t pass_tokens(Method method) const { return filters(method) ? keep : prompt_tokens; }
};

/// A tensor that a rank maps or makes.
struct ReadTensor {
  std::size_t index = 0;    // into PlanInputs::tensors and, behind these, the filter model's
  std::uint64_t bytes = 0;  // resident: what is mapped and never read takes no memory
};

/// Memory of one phase; freed when the phase ends.
struct PhaseMemory {
  std::uint64_t kv_cache_bytes = 0;
  std::uint64_t activation_bytes = 0;      // x, queries, rotations, scratch of a token block, panels of weights
  std::uint64_t message_buffer_bytes = 0;  // what other ranks' blocks are received into and sent from
  std::uint64_t total() const { return kv_cache_bytes + activation_bytes + message_buffer_bytes; }
};

/// FLOP: 2 per multiply-add of matrix products and attention (its causal half); norms, RoPE and softmax are left out.
/// Bytes sent: tensors to other ranks; control messages (some hundred bytes) are left out.
struct RankCost {
  RankId rank;
  std::vector<ReadTensor> tensors;  // by index, ascending; each counted once though two roles may use it
  std::uint64_t weights_bytes = 0;  // of these
  PhaseMemory filter;             // filter pass; nothing where none runs. With PlanInputs::parallel two may be alive: a
                                  // short one runs while a long one waits
  PhaseMemory stage;              // prefill and decode of the (compressed) prompt
  std::uint64_t fixed_bytes = 0;  // program, libraries, MPI
  std::uint64_t total_bytes = 0;  // fixed + the larger phase with the weights it meets: they follow one another;
                                  // with PlanInputs::parallel both at once

  double filter_flop = 0;
  double prefill_flop = 0;
  double decode_flop_per_token = 0;  // in the middle of the answer
  double bytes_sent_filter = 0;
  double bytes_sent_prefill = 0;
  double bytes_sent_decode_per_token = 0;
};

/// One entry per rank of the job, idle ones included.
std::vector<RankCost> rank_costs(const ClusterPlan& plan, const PlanInputs& inputs);

/// The table that `gemring plan` prints.
std::string describe(const std::vector<RankCost>& costs);

/// What a rank's host has. Ranks of the same name share it.
struct HostMemory {
  std::string host;
  std::uint64_t available_bytes = 0;
};

/// What ranks of one host need together. With PlanInputs::weights_shared a tensor that several of them map counts once.
std::uint64_t memory_together(const std::vector<const RankCost*>& ranks, const PlanInputs& inputs);

struct HostNeed {
  std::string host;
  std::vector<RankId> ranks;
  std::uint64_t needed_bytes = 0;
  std::uint64_t available_bytes = 0;  // the least that any of them found
};

/// `hosts`: one entry per rank; ranks of the same name share a host.
std::vector<HostNeed> host_needs(const std::vector<RankCost>& costs, const PlanInputs& inputs,
                                 const std::vector<HostMemory>& hosts);

/// Throws ResourceError where the ranks of a host together need more than it has: names the rank that needs most, the
/// host, needed and available bytes, and what to do.
void check_memory(const std::vector<RankCost>& costs, const PlanInputs& inputs, const std::vector<HostMemory>& hosts);

}  // namespace gemring
