// What commands that answer requests open: models, tokenizers, the filter profile, chat templates.
#pragma once

#include <optional>

#include "engine/selection/filter_profile.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/cluster/workload.h"
#include "launch/index/index_file.h"
#include "launch/options/options.h"
#include "launch/prompts/model.h"
#include "launch/requests/request_maker.h"
#include "launch/start/job.h"
#include "launch/start/placement.h"

namespace gemring {

/// What requests are made of, whatever they ask.
struct Opened {
  OpenModels models;
  FilterProfile filter;
  std::optional<Tokenizer> tokenizer;         // rank 0
  std::optional<ChatTemplate> chat;           // rank 0, with --chat
  std::optional<Tokenizer> filter_tokenizer;  // rank 0, of a filter model
  bool passes_text = false;                   // rank 0: its vocabulary is another one
  std::optional<ChatTemplate> filter_chat;    // then, with --chat

  RequestSetting setting(const Options& options) const {
    RequestSetting made{options, models.all(), filter, tokenizer ? &*tokenizer : nullptr, chat ? &*chat : nullptr};
    if (passes_text)
      made.filter_vocabulary.emplace(FilterVocabulary{*filter_tokenizer, filter_chat ? &*filter_chat : nullptr});
    return made;
  }
};

/// Collective. A model that nobody has measured is measured here. Throws AgreedError.
Opened open_all(const Job& job, const Options& options);

/// Rank 0's chat templates, as --chat opens them. Throws ConfigError where gemring does not know one, ModelFileError,
/// UsageError.
void open_templates(const Options& options, Opened& opened);

/// What every request needs: memory is looked at request by request, for lengths are known only then.
Workload least_workload(const Job& job, const Options& options, const Opened& opened);

/// What an index of this run is of, and how it is laid out.
struct IndexSetting {
  IndexKey key;
  ReadingLayout layout;
};
IndexSetting index_setting(const Options& options, const Opened& opened);

/// Rank 0's: bytes that an index takes on the filter ranks. Throws ConfigError: it is of another model or filter.
std::uint64_t index_memory_of(const IndexFile& index, const Options& options, const Opened& opened);

/// Where ranks take turns on few cores, those that filter go first: filter passes follow one another, the longest chain
/// of many requests, and answers that wait meanwhile are decoded together later, which costs less.
void step_back_behind_filter(const Job& job, const ClusterPlan& plan, const Placement& placement);

}  // namespace gemring
