#include "launch/index/index_head.h"

#include <fmt/format.h>

#include <limits>

#include "engine/base/error.h"
#include "engine/kernels/compute.h"
#include "launch/prompts/model.h"
#include "launch/start/version.h"
#include "proto/index.pb.h"

namespace gemring {
namespace {

constexpr std::uint32_t kFormat = 1;
constexpr std::uint64_t kMostRecordBytes = std::uint64_t{1} << 40;

}  // namespace

void refuse_index(const std::string& path, const std::string& problem) {
  throw ModelFileError({path, problem, "make the index again with gemring index"});
}

IndexKey index_key(std::uint64_t filter_model, const FilterProfile& profile, DataType kv_type) {
  std::string layers;
  LayerIndex last(-1);
  for (const ScoringHead& head : profile.heads) {
    if (head.layer != last) layers += fmt::format("{}{}", layers.empty() ? "" : ", ", head.layer.value());
    last = head.layer;
  }
  const Compute compute = active_compute();
  return {.filter_model = fingerprint_text(filter_model),
          .filter = fmt::format("keys of layers {}, window {}, {} sinks", layers, profile.window, profile.sinks),
          .products = fmt::format("{} {} {}", name(compute.many), name(compute.many_blocks), name(compute.few)),
          .kv_type = std::string(name(kv_type))};
}

void require_window(const FilterProfile& profile, const std::string& model) {
  if (profile.window > 0) return;
  throw ConfigError({model,
                     "its filter profile has no window: every question would need all layers' keys of the whole text",
                     "find a profile with a window (gemring calibrate), and give no --filter-layer"});
}

std::uint64_t IndexHead::record_bytes() const {
  const auto all = static_cast<std::uint64_t>(chunks());
  std::uint64_t halos = 0;
  for (std::int32_t i = 1; i <= chunks(); ++i) halos += keeps_halos(i, chunks()) ? 1 : 0;
  return all * (key_bytes + sizeof(std::uint64_t)) + halos * (halo_bytes + sizeof(std::uint64_t));
}

std::string head_bytes(const IndexHead& head) {
  proto::IndexHead message;
  message.set_format(kFormat);
  message.set_made_by(made_now_text());
  message.set_filter_model(head.key.filter_model);
  message.set_filter(head.key.filter);
  message.set_products(head.key.products);
  message.set_kv_type(head.key.kv_type);
  message.set_angles(head.read.angles);
  message.set_chunk(head.chunk);
  message.set_key_bytes(head.key_bytes);
  message.set_halo_bytes(head.halo_bytes);
  message.set_text(head.text.text);
  message.set_chat(head.text.chat);
  if (head.text.system) message.set_system(*head.text.system);
  if (head.text.date) message.set_date(*head.text.date);
  for (const TokenId id : head.read.ids) message.add_ids(id.value());
  return message.SerializeAsString();
}

IndexHead parse_index_head(std::string_view bytes, const std::string& path) {
  proto::IndexHead message;
  if (bytes.size() > std::numeric_limits<std::int32_t>::max() ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    refuse_index(path, "has a head that is none: it is damaged");
  }
  if (message.format() != kFormat)
    refuse_index(path, fmt::format("has format {}, and this program reads {}", message.format(), kFormat));
  IndexHead head;
  head.key = {message.filter_model(), message.filter(), message.products(), message.kv_type()};
  head.text = {.text = message.text(), .chat = message.chat(), .system = std::nullopt, .date = std::nullopt};
  if (message.has_system()) head.text.system = message.system();
  if (message.has_date()) head.text.date = message.date();
  head.read.angles = message.angles();
  for (const std::int32_t id : message.ids()) head.read.ids.emplace_back(id);
  head.chunk = message.chunk();
  head.key_bytes = message.key_bytes();
  head.halo_bytes = message.halo_bytes();
  if (head.chunk == 0 || head.read.ids.empty() || head.read.ids.size() % head.chunk != 0) {
    refuse_index(path, fmt::format("has {} tokens in chunks of {}", head.read.ids.size(), head.chunk));
  }
  if (head.key_bytes > kMostRecordBytes || head.halo_bytes > kMostRecordBytes)
    refuse_index(path, fmt::format("has records of {} and {} bytes", head.key_bytes, head.halo_bytes));
  return head;
}

void check_index(const IndexHead& head, const IndexKey& key, const ReadingLayout& layout, const std::string& path) {
  const auto compare = [&](const char* what, const std::string& made, const std::string& now, const char* advice) {
    if (made == now) return;
    throw ConfigError({path, fmt::format("was made with {} {}, and this run has {}", what, made, now), advice});
  };
  compare("the filter model", head.key.filter_model, key.filter_model,
          "give the model (or --filter-model) that made it, or make it again with gemring index");
  compare("the filter profile:", head.key.filter, key.filter,
          "give the --filter-profile that made it, or make it again with gemring index");
  compare("products", head.key.products, key.products, "give the same --compute, or make it again with gemring index");
  compare("keys in", head.key.kv_type, key.kv_type, "give the same --kv-type, or make it again with gemring index");
  compare("chunks", fmt::format("{} tokens, {} and {} bytes", head.chunk, head.key_bytes, head.halo_bytes),
          fmt::format("{} tokens, {} and {} bytes", layout.sizes.chunk, layout.key_bytes(), layout.halo_bytes()),
          "make it again with gemring index");
}

}  // namespace gemring
