// GGUF files of versions 2 and 3: the metadata with typed access, and the tensors as a source. Knows no model and no
// tokenizer. Source of the format: ggml, docs/gguf.md and src/gguf.cpp; every check made there is made here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/weights/tensor_source.h"

namespace gemring {

struct GgufHeader;

/// The key-value pairs of a file. Cheap to copy: copies share the header's bytes. What is asked for under a key that
/// the file has with another type is a ModelFileError that names file and key; nothing is returned where the key is
/// absent. The views that text() and texts() give live as long as any copy of this object.
class GgufMetadata {
 public:
  explicit GgufMetadata(std::shared_ptr<const GgufHeader> header) : header_(std::move(header)) {}

  /// The file that holds the pairs (of a split model: the first), for errors.
  const std::string& file() const;

  bool has(std::string_view key) const;
  /// Whether an array stands there: some keys may hold one number for all layers or one per layer.
  bool is_array(std::string_view key) const;

  /// A string, as its bytes: neither UTF-8 nor the absence of zero bytes is promised.
  std::optional<std::string_view> text(std::string_view key) const;
  /// An integer of any width that is not negative, or that fits into 63 bits and a sign.
  std::optional<std::uint64_t> count(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  /// f32, f64 or an integer; finite.
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;

  /// Arrays, in one allocation each: of strings, of f32 or f64 (no NaN), of integers of any width or booleans.
  std::optional<std::vector<std::string_view>> texts(std::string_view key) const;
  std::optional<std::vector<float>> reals(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const;

 private:
  std::shared_ptr<const GgufHeader> header_;
};

/// Whether a user who names this path means a GGUF file: the name ends in .gguf and it is no directory, or a regular
/// file begins with the format's magic.
bool is_gguf_path(const std::string& path);

/// The pairs alone, for a tokenizer: tensors are not looked at, files without any (vocabularies) are whole. Of a split
/// model (NAME-00001-of-00003.gguf) any part may be named; the first one, which has the pairs, is read.
/// Throws ModelFileError naming file and problem. Memory: the header's size, at most 512 MiB.
GgufMetadata read_gguf_metadata(const std::string& path);

/// All tensors of a file, or of all parts of a split model, any of which may be named. Shapes are outermost first (the
/// reverse of the file's). Headers are checked, no tensor is mapped yet. What load() gives may lie at any address where
/// the type is a block type. load() reads the scales of a block type, and all of a tensor of one dimension: a NaN or an
/// infinity there is refused, because it would spread over whole rows of results. Throws ModelFileError.
std::unique_ptr<TensorSource> open_gguf(const std::string& path);

}  // namespace gemring
