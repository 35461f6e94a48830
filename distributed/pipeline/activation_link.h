// Activations of a chunk on their way from one stage to the next.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/link_table.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/data_type.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Sends do not wait: the rows are packed into one of two buffers, so that a stage computes chunk c + 1 while chunk c
/// leaves.
class ActivationSender {
 public:
  /// `next`: ranks of the next stage. At most `max_rows` rows of `hidden` elements leave this rank per chunk.
  ActivationSender(Communicator& world, std::vector<RankId> next, std::size_t max_rows, std::size_t hidden,
                   DataType type);

  /// x: [rows, hidden]; messages: link_messages(own shards, own member, next stage's shards)
  void send(MatrixView<const float> x, std::span<const LinkMessage> messages);

 private:
  struct Generation {
    Buffer<std::byte> packed;
    std::vector<Transfer> transfers;
  };
  Communicator& world_;
  std::vector<RankId> next_;
  DataType type_;
  std::vector<Generation> generations_;
  std::size_t current_ = 0;
};

/// Receives are posted one chunk ahead.
class ActivationReceiver {
 public:
  ActivationReceiver(Communicator& world, std::vector<RankId> previous, std::size_t max_rows, std::size_t hidden,
                     DataType type);

  /// messages: link_messages(own shards, own member, previous stage's shards). At most two chunks are posted and not
  /// taken.
  void post(std::vector<LinkMessage> messages);

  /// Waits for the oldest posted chunk.   x: [rows, hidden]
  void take(MatrixView<float> x);

 private:
  struct Generation {
    Buffer<std::byte> packed;
    std::vector<LinkMessage> messages;
    std::vector<Transfer> transfers;
  };
  Communicator& world_;
  std::vector<RankId> previous_;
  std::size_t hidden_;
  DataType type_;
  std::vector<Generation> generations_;
  std::size_t posted_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace gemring
