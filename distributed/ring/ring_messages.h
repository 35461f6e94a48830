// What travels in attention over a group, packed into the type of messages and back.
#pragma once

#include <cstddef>
#include <span>

#include "distributed/plan/message_types.h"
#include "engine/kernels/attention/attention.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/data_type.h"
#include "engine/tensor/view.h"

namespace gemring {

/// The open softmax state of a member's own queries: what others send is merged into it. It does not travel.
class OwnState {
 public:
  OwnState() = default;
  /// `bytes`: RingBuffers::state.
  OwnState(std::size_t bytes, std::size_t heads, std::size_t head_dim)
      : heads_(heads), head_dim_(head_dim), memory_(bytes / sizeof(float)) {}

  PartialSoftmax view(std::size_t tokens) {
    float* m = memory_.data() + tokens * heads_ * head_dim_;
    return {{memory_.data(), tokens, heads_, head_dim_}, {m, tokens, heads_}, {m + tokens * heads_, tokens, heads_}};
  }

 private:
  std::size_t heads_ = 0;
  std::size_t head_dim_ = 0;
  Buffer<float> memory_;  // o, m, l
};

/// Attention over a part of the keys, whose o, m and l lie one behind the other in memory, and its message.
class PartialMessage {
 public:
  PartialMessage() = default;
  /// `part_bytes`, `message_bytes`: of RingBuffers::parts and part_messages. `type`: of o in the message; m and l are
  /// f32.
  PartialMessage(std::size_t part_bytes, std::size_t message_bytes, std::size_t heads, std::size_t head_dim,
                 DataType type)
      : heads_(heads), head_dim_(head_dim), type_(type), part_(part_bytes / sizeof(float)), message_(message_bytes) {}

  PartialAttention view(std::size_t tokens);
  /// To send what view() holds: packs it first.
  std::span<const std::byte> packed(std::size_t tokens);
  /// To receive into; unpack() then makes it what view() holds.
  std::span<std::byte> incoming(std::size_t tokens) { return {message(), bytes(tokens)}; }
  void unpack(std::size_t tokens);

 private:
  std::size_t elements(std::size_t tokens) const { return tokens * heads_ * head_dim_; }
  std::size_t bytes(std::size_t tokens) const { return part_bytes(tokens, heads_, head_dim_, type_); }
  std::byte* message() { return type_ == DataType::f32 ? reinterpret_cast<std::byte*>(part_.data()) : message_.data(); }

  std::size_t heads_ = 0;
  std::size_t head_dim_ = 0;
  DataType type_ = DataType::f32;
  Buffer<float> part_;         // o, m, l
  Buffer<std::byte> message_;  // o packed, then m, l; none where o travels as f32
};

/// Own keys and values as they travel.
class KeyMessage {
 public:
  /// `bytes`: RingBuffers::own_keys.
  KeyMessage(std::size_t bytes, DataType type) : type_(type), message_(bytes) {}

  struct Packed {
    const std::byte* keys = nullptr;
    const std::byte* values = nullptr;
  };
  /// Where they lie where the cache has the message's type, else packed here.
  Packed pack(const KeysValues& own);

 private:
  DataType type_;
  Buffer<std::byte> message_;  // keys, then values; none where they travel as they are cached
};

/// Queries as they travel.
class QueryMessage {
 public:
  QueryMessage() = default;
  /// `bytes`: RingBuffers::own_queries or a query block.
  QueryMessage(std::size_t bytes, DataType type) : type_(type), message_(bytes) {}

  /// q as a message: itself where the type is f32, else packed here.
  std::span<const std::byte> pack(std::span<const float> q);
  std::span<std::byte> incoming(std::size_t elements) { return message_.span().first(row_bytes(type_, elements)); }
  std::span<const std::byte> outgoing(std::size_t elements) { return incoming(elements); }  // what came in goes on
  /// What came in, as f32: in place, or in `room` [elements].
  const float* unpack(std::size_t elements, Buffer<float>& room) const;

 private:
  DataType type_ = DataType::f32;
  Buffer<std::byte> message_;
};

}  // namespace gemring
