// What attention over a group allocates on one member: distributed/ring makes its buffers of these sizes, and the plan
// counts them. Pure.
#pragma once

#include <cstddef>
#include <optional>

#include "distributed/plan/message_types.h"
#include "distributed/plan/ring_choice.h"

namespace gemring {

/// Buffers of one size.
struct EqualBuffers {
  std::size_t count = 0;
  std::size_t bytes = 0;  // of each
  std::size_t total() const { return count * bytes; }
};

/// What the sizes of a variant follow from; the largest counts are over all chunks that it is chosen for.
struct RingExtent {
  KvShape shape;  // of the cache
  std::size_t heads = 0;
  RingTypes types;
  std::size_t members = 1;
  std::size_t max_queries = 0;  // of a member
  std::size_t max_keys = 0;     // of a member
  std::size_t all_keys = 0;     // of all members together
};

/// In bytes. What a variant has no need of is 0.
struct RingBuffers {
  std::size_t seen = 0;              // a KeyRange of each query
  std::size_t state = 0;             // open softmax of own queries: o, m, l; of all_gather m and l
  std::size_t own_keys = 0;          // own keys and values as they travel, where they are cached otherwise
  EqualBuffers key_blocks;           // a member's keys and values as they travel
  std::size_t cached_keys = 0;       // keys and values in the cache's type: a member's, of all_gather all of them
  std::size_t positions = 0;         // of all keys
  std::size_t own_queries = 0;       // own queries as they travel, where that is not f32
  EqualBuffers query_blocks;         // a member's queries as they travel
  std::size_t unpacked_queries = 0;  // a member's queries in f32, where they travel otherwise
  EqualBuffers parts;                // o, m and l of attention over a part of the keys, f32
  EqualBuffers part_messages;        // the same as they travel, where that is not f32

  std::size_t activations() const { return seen + state; }
  std::size_t messages() const {
    return own_keys + key_blocks.total() + cached_keys + positions + own_queries + query_blocks.total() +
           unpacked_queries + parts.total() + part_messages.total();
  }
};

RingBuffers ring_buffers(RingVariant variant, const RingExtent& extent);

/// Of a variant in a group of `members` that goes by `choice`; nothing where no chunk does.
std::optional<RingExtent> ring_extent(RingVariant variant, const RingChoice& choice, const KvShape& shape,
                                      std::size_t heads, DataType message_type, std::size_t members);

/// Of decode over a striped cache, on the group's first member; another one has a single part and no state. f32.
struct StripeBuffers {
  std::size_t token = 0;  // keys, values and query of one token
  std::size_t state = 0;  // open softmax of its query
  EqualBuffers parts;     // of the other members

  std::size_t total() const { return token + state + parts.total(); }
};

StripeBuffers stripe_buffers(const KvShape& shape, std::size_t heads, std::size_t members);

}  // namespace gemring
