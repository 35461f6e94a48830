// What rank 0 tells the others while all of them compute, message after message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "distributed/comm/broadcast_tree.h"

namespace gemring {

/// A stream of messages from rank 0 to every rank, in one order. They travel along a tree (broadcast_tree.h); a rank
/// between two others passes a message on as soon as it has it, by the communication thread while its own threads
/// compute. Nothing of it is collective but its making and its end.
///
///     BEFORE  rank 0: M   rank 1: -   rank 2: -
///     AFTER   rank 0: M   rank 1: M   rank 2: M
class Broadcast {
 public:
  /// `head` comes to every rank; `body` to some, to the others nothing. Each is an archive (control.h) of any size.
  struct Message {
    std::string head;
    std::optional<std::string> body = std::nullopt;
  };
  /// Of this rank, since the start. One message goes to a child for each one that is broadcast, whatever its size below
  /// a GiB.
  struct Sent {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };

  /// Waits until all that this rank sent has left, unless an exception is passing. Requires: every message was
  /// received.
  virtual ~Broadcast() = default;

  /// On rank 0, from one thread: returns at once. `body_to`: the ranks that get the body, as ranges_of() makes them.
  /// Rank 0 itself receives nothing. Throws PeerError.
  virtual void send(const Message& message, std::span<const MemberRange> body_to) = 0;

  /// On every other rank, from one thread: the next message, for which it waits as for rank 0. Throws PeerError, also
  /// where passing a message on has failed.
  virtual Message receive() = 0;
  /// The same, where it is there already.
  virtual std::optional<Message> try_receive() = 0;

  virtual Sent sent() const = 0;
};

}  // namespace gemring
