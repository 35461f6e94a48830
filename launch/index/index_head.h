// The head of an index file: what was read, and all that its records depend on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "distributed/session/stored_reading.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

/// Throws ModelFileError: the file is none, or damaged.
[[noreturn]] void refuse_index(const std::string& path, const std::string& problem);

/// What the records depend on beside the text.
struct IndexKey {
  std::string filter_model;  // fingerprint of the checkpoint that filters
  std::string filter;        // layers that score, window and sink tokens
  std::string products;      // types of activations in matrix products
  std::string kv_type;       // of keys and values
};

/// Of a run whose kernels are chosen. Requires: a profile with a window.
IndexKey index_key(std::uint64_t filter_model, const FilterProfile& profile, DataType kv_type);

/// Throws ConfigError where a filter of this model keeps nothing that a file could hold.
void require_window(const FilterProfile& profile, const std::string& model);

/// A text and its place in a prompt.
struct IndexedText {
  std::string text;
  bool chat = false;                  // the user's message in the model's chat template; else as it is
  std::optional<std::string> system;  // the system message
  std::optional<std::string> date;    // what the template takes for today
};

struct IndexHead {
  IndexKey key;
  IndexedText text;
  ReadText read;
  std::uint64_t chunk = 0, key_bytes = 0, halo_bytes = 0;  // as ReadingLayout has them

  std::int32_t chunks() const { return static_cast<std::int32_t>(read.ids.size() / chunk); }
  /// Bytes of the records, with their checksums.
  std::uint64_t record_bytes() const;
};

/// A message of index.proto.
std::string head_bytes(const IndexHead& head);

/// `path` is named in errors. Throws ModelFileError: no such message, another format, sizes that cannot be.
IndexHead parse_index_head(std::string_view bytes, const std::string& path);

/// Throws ConfigError, which names what differs: the file is of another model, filter or way of computing.
void check_index(const IndexHead& head, const IndexKey& key, const ReadingLayout& layout, const std::string& path);

}  // namespace gemring
