// Options as a control message: rank 0 parses, the others receive. Field by field, in the order of options.h.
#pragma once

#include <boost/serialization/split_free.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/serialization/version.hpp>
#include <boost/version.hpp>
#include <optional>

#include "launch/options/options.h"

#if BOOST_VERSION >= 108400
#include <boost/serialization/optional.hpp>  // of std::optional too, from here on
#endif

namespace boost::serialization {

#if BOOST_VERSION < 108400
template <class Archive, class T>
void save(Archive& archive, const std::optional<T>& value, unsigned /*version*/) {
  const bool given = value.has_value();
  archive << given;
  if (given) archive << *value;
}
template <class Archive, class T>
void load(Archive& archive, std::optional<T>& value, unsigned /*version*/) {
  bool given = false;
  archive >> given;
  value.reset();
  if (given) archive >> value.emplace();
}
template <class Archive, class T>
void serialize(Archive& archive, std::optional<T>& value, unsigned version) {
  split_free(archive, value, version);
}
#endif

template <class Archive>
void serialize(Archive& archive, gemring::ChatOptions& options, unsigned /*version*/) {
  archive& options.on& options.system& options.user_file& options.answer_prefix& options.template_file& options.date;
}
template <class Archive>
void serialize(Archive& archive, gemring::PromptOptions& options, unsigned /*version*/) {
  archive& options.text& options.file& options.ids_file& options.question& options.chat;
}
template <class Archive>
void serialize(Archive& archive, gemring::SelectionOptions& options, unsigned /*version*/) {
  archive& options.policy& options.keep& options.pool_width& options.keep_first& options.keep_last;
}
template <class Archive>
void serialize(Archive& archive, gemring::FilterOptions& options, unsigned /*version*/) {
  archive& options.method& options.filter_layer& options.selection;
}
template <class Archive>
void serialize(Archive& archive, gemring::PenaltyOptions& options, unsigned /*version*/) {
  archive& options.repeat& options.presence& options.frequency& options.last_n;
}
template <class Archive>
void serialize(Archive& archive, gemring::SamplingOptions& options, unsigned /*version*/) {
  archive& options.temperature& options.top_k& options.top_p& options.min_p& options.penalties& options.seed;
}
template <class Archive>
void serialize(Archive& archive, gemring::GenerateOptions& options, unsigned /*version*/) {
  archive& options.max_new_tokens& options.ignore_eos& options.sampling;
}
template <class Archive>
void serialize(Archive& archive, gemring::RequestsOptions& options, unsigned /*version*/) {
  archive& options.file& options.parallel;
}
template <class Archive>
void serialize(Archive& archive, gemring::RunOptions& options, unsigned /*version*/) {
  archive& options.cluster_file& options.kv_type& options.message_type& options.ring& options.overlap& options
      .threads& options.omp_threads;
  archive& options.isa& options.weights& options.compute& options.stall_timeout& options.allow_extrapolation;
}
template <class Archive>
void serialize(Archive& archive, gemring::LogOptions& options, unsigned /*version*/) {
  archive& options.level& options.other_ranks& options.format;
}
template <class Archive>
void serialize(Archive& archive, gemring::OutputOptions& options, unsigned /*version*/) {
  archive& options.progress& options.json_file& options.trace_file& options.log& options.log_all_ranks;
}
template <class Archive>
void serialize(Archive& archive, gemring::LogitsOptions& options, unsigned /*version*/) {
  archive& options.last& options.output_file;
}
template <class Archive>
void serialize(Archive& archive, gemring::PlanOptions& options, unsigned /*version*/) {
  archive& options.ranks& options.tokens& options.memory_gib& options.ranks_per_host& options.hidden;
  archive& options.probe& options.output_file;
}
template <class Archive>
void serialize(Archive& archive, gemring::SimulateOptions& options, unsigned /*version*/) {
  archive& options.ranks& options.scaling;
}
template <class Archive>
void serialize(Archive& archive, gemring::BenchOptions& options, unsigned /*version*/) {
  archive& options.benchmark& options.random_weights& options.tokens& options.repetitions;
  archive& options.warmup& options.decode_tokens& options.seed& options.kernels& options.linear_tokens;
}
template <class Archive>
void serialize(Archive& archive, gemring::TokenizeOptions& options, unsigned /*version*/) {
  archive& options.special;
}
template <class Archive>
void serialize(Archive& archive, gemring::JobOptions& options, unsigned /*version*/) {
  archive& options.system& options.nodes& options.cores_per_node& options.numa_per_node& options.memory_per_node_gib;
  archive& options.ranks_per_node& options.name& options.time& options.partition& options.queue& options.account;
  archive& options.launcher& options.image& options.name_space& options.claim& options.claim_path& options.hostfile;
  archive& options.before& options.program& options.model_there& options.generate_words& options.output_file;
}
template <class Archive>
void serialize(Archive& archive, gemring::Options& options, unsigned /*version*/) {
  archive& options.command& options.model_directory& options.prompt& options.filter& options.generate;
  archive& options.run& options.output& options.logits& options.plan& options.simulate& options.bench& options.tokenize;
  archive& options.job;
  archive& options.requests;
}

}  // namespace boost::serialization

BOOST_CLASS_VERSION(gemring::Options, 5)
