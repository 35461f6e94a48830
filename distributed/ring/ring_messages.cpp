#include "distributed/ring/ring_messages.h"

#include <cstring>

#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {

PartialAttention PartialMessage::view(std::size_t tokens) {
  float* m = part_.data() + elements(tokens);
  return {{part_.data(), tokens, heads_, head_dim_}, {m, tokens, heads_}, {m + tokens * heads_, tokens, heads_}};
}

std::span<const std::byte> PartialMessage::packed(std::size_t tokens) {
  if (type_ != DataType::f32) {
    const TraceSpan span("pack message", SpanKind::convert, tokens);
    const std::size_t packed = row_bytes(type_, elements(tokens));
    narrow(part_.data(), type_, message_.data(), elements(tokens));
    std::memcpy(message_.data() + packed, part_.data() + elements(tokens), bytes(tokens) - packed);
  }
  return {message(), bytes(tokens)};
}

void PartialMessage::unpack(std::size_t tokens) {
  if (type_ == DataType::f32) return;
  const TraceSpan span("unpack message", SpanKind::convert, tokens);
  const std::size_t packed = row_bytes(type_, elements(tokens));
  widen(type_, message_.data(), part_.data(), elements(tokens));
  std::memcpy(part_.data() + elements(tokens), message_.data() + packed, bytes(tokens) - packed);
}

KeyMessage::Packed KeyMessage::pack(const KeysValues& own) {
  if (own.type == type_) return {static_cast<const std::byte*>(own.keys), static_cast<const std::byte*>(own.values)};
  const TraceSpan span("pack message", SpanKind::convert, own.count);
  const std::size_t elements = own.count * own.kv_heads * own.head_dim;
  std::byte* values = message_.data() + row_bytes(type_, elements);
  convert(own.type, own.keys, type_, message_.data(), elements);
  convert(own.type, own.values, type_, values, elements);
  return {message_.data(), values};
}

std::span<const std::byte> QueryMessage::pack(std::span<const float> q) {
  if (type_ == DataType::f32) return std::as_bytes(q);
  const TraceSpan span("pack message", SpanKind::convert, q.size());
  narrow(q.data(), type_, message_.data(), q.size());
  return incoming(q.size());
}

const float* QueryMessage::unpack(std::size_t elements, Buffer<float>& room) const {
  if (type_ == DataType::f32) return reinterpret_cast<const float*>(message_.data());
  const TraceSpan span("unpack message", SpanKind::convert, elements);
  widen(type_, message_.data(), room.data(), elements);
  return room.data();
}

}  // namespace gemring
