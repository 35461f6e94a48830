#include "engine/weights/made/random_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/tensor/buffer.h"
namespace gemring {
namespace {

constexpr double kDeviation = 0.02;  // initializer_range of the Llama family's configs

/// Number `index` of the sequence of `key`.
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  return splitmix64(key + index * kSplitMixStep);
}

/// The sum of four uniform 16-bit numbers, centred: integers, so every machine makes the same. Deviation of one
/// uniform number of 0..m-1: sqrt((m^2 - 1) / 12).
float normal_number(std::uint64_t bits, float scale) {
  const auto sum =
      static_cast<std::int32_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48));
  return static_cast<float>(sum - 2 * 65535) * scale;
}

template <class T, class Convert>
void fill(std::byte* out, std::uint64_t first, std::uint64_t elements, std::uint64_t key, Convert convert) {
  const auto scale = static_cast<float>(kDeviation / std::sqrt(4.0 * (65536.0 * 65536.0 - 1) / 12.0));
  T* values = reinterpret_cast<T*>(out);  // 64-byte aligned memory of a Buffer
  const auto count = static_cast<std::int64_t>(elements);
#pragma omp parallel for schedule(static) if (count > 1 << 16)
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = convert(normal_number(random_bits(key, first + static_cast<std::uint64_t>(i)), scale));
  }
}

/// Blocks of uniform codes, scales and minima (0-63 each): value = d scale q - 7.5 d minimum, 7.5 being the mean code,
/// so that the mean is 0. In units of d its variance is E[s^2] E[q^2] - E[s]^2 E[q]^2 + 7.5^2 Var[m]
/// = 1333.5 x 77.5 - 31.5^2 x 7.5^2 + 56.25 x 341.25 = 66,728.
void fill_q4_k(std::byte* out, std::uint64_t first_byte, std::uint64_t bytes, std::uint64_t key) {
  constexpr std::size_t kBlock = block_bytes(DataType::q4_k);
  constexpr std::size_t kNumbers = kBlock / sizeof(std::uint64_t);
  const double d = kDeviation / std::sqrt(66728.0);
  const Float16 scales[] = {to_float16(static_cast<float>(d)), to_float16(static_cast<float>(7.5 * d))};
  const std::uint64_t first = first_byte / kBlock;
  const auto blocks = static_cast<std::int64_t>(bytes / kBlock);
#pragma omp parallel for schedule(static) if (blocks > 1 << 8)
  for (std::int64_t block = 0; block < blocks; ++block) {
    std::uint64_t numbers[kNumbers];
    for (std::size_t i = 0; i < kNumbers; ++i)
      numbers[i] = random_bits(key, (first + static_cast<std::uint64_t>(block)) * kNumbers + i);
    std::byte* at = out + block * static_cast<std::int64_t>(kBlock);
    std::memcpy(at, numbers, kBlock);
    std::memcpy(at, scales, sizeof scales);
  }
}

/// `bytes` bytes of a tensor from `begin` on.
class RandomTensor final : public TensorData {
 public:
  RandomTensor(const TensorInfo& info, std::uint64_t begin, std::uint64_t bytes) : bytes_(bytes) {
    const std::uint64_t key = fnv1a(info.name);
    const std::uint64_t size = is_block_type(info.type) ? 1 : bytes_per_element(info.type);
    const std::uint64_t first = begin / size;
    const std::uint64_t elements = bytes / size;
    const bool is_norm = info.shape.size() == 1;
    const auto one_or = [is_norm](float value) { return is_norm ? 1.0f : value; };
    switch (info.type) {
      case DataType::f32:
        fill<float>(bytes_.data(), first, elements, key, one_or);
        break;
      case DataType::f16:
        fill<Float16>(bytes_.data(), first, elements, key, [&](float v) { return to_float16(one_or(v)); });
        break;
      case DataType::bf16:
        fill<BFloat16>(bytes_.data(), first, elements, key, [&](float v) { return to_bfloat16(one_or(v)); });
        break;
      default:  // the only type of blocks that RandomTensors lets pass
        fill_q4_k(bytes_.data(), begin, bytes, key);
        break;
    }
  }
  std::span<const std::byte> bytes() const override { return bytes_.span(); }

 private:
  Buffer<std::byte> bytes_;
};

class RandomTensors final : public TensorSource {
 public:
  explicit RandomTensors(std::vector<TensorInfo> infos) : infos_(std::move(infos)) {
    std::sort(infos_.begin(), infos_.end(), [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
    for (const TensorInfo& info : infos_) {
      GEMRING_CHECK(!is_block_type(info.type) || info.type == DataType::q4_k, "{} is {}", info.name, name(info.type));
      std::uint64_t bytes = row_bytes(info.type, static_cast<std::size_t>(info.shape.back()));
      for (std::size_t i = 0; i + 1 < info.shape.size(); ++i) bytes *= static_cast<std::uint64_t>(info.shape[i]);
      GEMRING_CHECK(bytes == info.bytes, "{}: shape asks for {} bytes, {} given", info.name, bytes, info.bytes);
    }
  }

  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    return std::make_unique<RandomTensor>(info, 0, info.bytes);
  }
  std::unique_ptr<TensorData> load_rows(const TensorInfo& info, std::size_t first, std::size_t count) const override {
    const std::uint64_t row = bytes_of_row(info);
    return std::make_unique<RandomTensor>(info, first * row, count * row);
  }
  std::string location(std::string_view) const override { return "random weights"; }

  std::uint64_t fingerprint() const override {
    std::uint64_t hash = fnv1a("random weights");
    for (const TensorInfo& info : infos_) {
      hash = fnv1a(name(info.type), fnv1a(info.name, hash));
      for (const std::int64_t extent : info.shape) hash = fnv1a(static_cast<std::uint64_t>(extent), hash);
    }
    return hash;
  }

 private:
  std::vector<TensorInfo> infos_;
};

}  // namespace

std::unique_ptr<TensorSource> random_tensors(std::vector<TensorInfo> infos) {
  return std::make_unique<RandomTensors>(std::move(infos));
}

}  // namespace gemring
