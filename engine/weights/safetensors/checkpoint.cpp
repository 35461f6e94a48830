// A model directory's safetensors: one file, or the shards of an index.
#include "engine/weights/safetensors/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/weights/finite.h"
#include "engine/weights/json_file.h"
#include "engine/weights/mapping.h"
#include "engine/weights/model_directory.h"
#include "engine/weights/safetensors/safetensors.h"
#include "engine/weights/sample.h"
namespace gemring {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

/// Which shard holds which tensor, as the index says.
using WeightMap = std::map<std::string, std::string>;

WeightMap read_index(const std::string& path) {
  const nlohmann::json index = read_json_object(path, DuplicateKeys::refuse);
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) {
    throw ModelFileError({path, "has no weight_map of tensors and files", "download it again"});
  }
  WeightMap result;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string())
      throw ModelFileError({path, fmt::format("names no file for tensor {}", tensor), "download it again"});
    const auto file = shard.get<std::string>();
    if (file.empty() || file.find('/') != std::string::npos || file.find("..") != std::string::npos ||
        file.find('\0') != std::string::npos) {
      throw ModelFileError(
          {path, fmt::format("names \"{}\" for tensor {}; shards lie in the index's own directory", file, tensor),
           "use a checkpoint from a source you trust"});
    }
    result.emplace(tensor, file);
  }
  return result;
}

class Checkpoint final : public TensorSource {
 public:
  explicit Checkpoint(const std::string& directory) : directory_(directory) {
    require_model_directory(directory);
    if (file_exists(path_in(directory, kSingleFile))) {
      add_file(kSingleFile);
    } else {
      add_shards();
    }
    std::sort(tensors_.begin(), tensors_.end(),
              [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  }

  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    const auto place = places_.find(info.name);
    GEMRING_CHECK(place != places_.end(), "no tensor {} in {}", info.name, directory_);
    refuse_uncomputable(info.name);
    const StoredTensor& stored = *place->second.tensor;
    auto data =
        map_tensor(place->second.shard->file, stored.name, stored.offset, stored.bytes, bytes_per_element(info.type));
    refuse_not_finite(info, data->bytes(), place->second.shard->file->path());
    return data;
  }

  std::unique_ptr<TensorData> load_rows(const TensorInfo& info, std::size_t first, std::size_t count) const override {
    const auto place = places_.find(info.name);
    GEMRING_CHECK(place != places_.end(), "no tensor {} in {}", info.name, directory_);
    const std::uint64_t row = bytes_of_row(info);
    return map_tensor(place->second.shard->file, info.name, place->second.tensor->offset + first * row, count * row,
                      bytes_per_element(info.type));
  }

  std::string location(std::string_view name) const override {
    const auto place = places_.find(name);
    return place == places_.end() ? directory_ : place->second.shard->file->path();
  }

  std::uint64_t fingerprint() const override { return fingerprint_; }

 protected:
  void refuse_uncomputable(std::string_view name) const override {
    const auto place = places_.find(name);
    if (place == places_.end() || computable_type(*place->second.tensor)) return;
    throw ModelFileError({place->second.shard->file->path(),
                          fmt::format("tensor {} has type {}; gemring computes with F32, F16 and BF16", name,
                                      place->second.tensor->type),
                          "use a checkpoint of one of these types"});
  }

 private:
  struct Place {
    const SafetensorsFile* shard;
    const StoredTensor* tensor;
  };

  void add_shards() {
    const std::string index = path_in(directory_, kIndexFile);
    if (!file_exists(index)) {
      throw ModelFileError({directory_, fmt::format("holds neither {} nor {}", kSingleFile, kIndexFile),
                            "give the directory of a Hugging Face checkpoint in safetensors format"});
    }
    const WeightMap map = read_index(index);
    std::set<std::string> files;
    for (const auto& [tensor, file] : map) files.insert(file);
    for (const std::string& file : files) {
      if (!file_exists(path_in(directory_, file))) {
        throw ModelFileError(
            {path_in(directory_, file), fmt::format("is missing; {} names it", kIndexFile), "download it"});
      }
      add_file(file);
    }
    for (const auto& [tensor, file] : map) check_mapped(index, tensor, file);
  }

  void check_mapped(const std::string& index, const std::string& tensor, const std::string& file) const {
    const auto place = places_.find(tensor);
    const std::string expected = path_in(directory_, file);
    if (place != places_.end() && place->second.shard->file->path() == expected) return;
    throw ModelFileError({expected, fmt::format("has no tensor {}, which {} says it has", tensor, index),
                          "index and shards belong to different checkpoints; download them again"});
  }

  void add_file(const std::string& name) {
    shards_.push_back(std::make_unique<SafetensorsFile>(open_safetensors(path_in(directory_, name))));
    const SafetensorsFile& shard = *shards_.back();
    for (const StoredTensor& stored : shard.tensors) {
      const auto [place, is_new] = places_.emplace(stored.name, Place{&shard, &stored});
      if (!is_new) {
        throw ModelFileError({shard.file->path(),
                              fmt::format("tensor {} is in {} too", stored.name, place->second.shard->file->path()),
                              "index and shards belong to different checkpoints; download them again"});
      }
      if (const auto type = computable_type(stored))
        tensors_.push_back({stored.name, *type, stored.shape, stored.bytes});
      fingerprint_ = add_sample(*shard.file, stored.offset, stored.bytes, fingerprint_);
    }
    fingerprint_ = fnv1a(shard.file->size(), fnv1a(shard.header_hash, fnv1a(name, fingerprint_)));
  }

  std::string directory_;
  std::vector<std::unique_ptr<const SafetensorsFile>> shards_;  // by name
  std::map<std::string, Place, std::less<>> places_;            // every stored tensor
  std::vector<TensorInfo> tensors_;
  std::uint64_t fingerprint_ = kFnvStart;
};

}  // namespace

std::unique_ptr<TensorSource> open_checkpoint(const std::string& model_directory) {
  return std::make_unique<Checkpoint>(model_directory);
}

}  // namespace gemring
