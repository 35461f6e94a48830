// Options as a control message: rank 0 parses, the others receive. Field by field, in the order of options.h.
#pragma once

#include <boost/serialization/split_free.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/version.hpp>
#include <optional>

#include "launch/options.h"

namespace boost::serialization {

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
void serialize(Archive& archive, gemring::SamplingOptions& options, unsigned /*version*/) {
  archive& options.temperature& options.top_k& options.top_p& options.seed;
}
template <class Archive>
void serialize(Archive& archive, gemring::GenerateOptions& options, unsigned /*version*/) {
  archive& options.max_new_tokens& options.ignore_eos& options.sampling;
}
template <class Archive>
void serialize(Archive& archive, gemring::RunOptions& options, unsigned /*version*/) {
  archive& options.cluster_file& options.kv_type& options.message_type& options.threads& options.omp_threads;
  archive& options.isa& options.weights& options.compute& options.allow_extrapolation;
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
  archive& options.ranks& options.tokens& options.memory_gib;
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
void serialize(Archive& archive, gemring::Options& options, unsigned /*version*/) {
  archive& options.command& options.model_directory& options.prompt& options.filter& options.generate;
  archive& options.run& options.output& options.logits& options.plan& options.bench& options.tokenize;
}

}  // namespace boost::serialization

BOOST_CLASS_VERSION(gemring::Options, 3)
