// Talking to other ranks. Only distributed/comm knows MPI; everything else knows this interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "distributed/comm/broadcast.h"
#include "distributed/comm/heartbeat.h"
#include "engine/base/types.h"

namespace gemring {

/// What a communicator and all groups made from it have done so far, on this rank. Bytes are payload meant for other
/// members, however MPI routes it: a send counts its size, a broadcast its size x (size() - 1) at the root and nothing
/// elsewhere, an all_gather the own data's size x (size() - 1). What a rank sends to itself counts nothing.
struct CommunicationTotals {
  std::uint64_t bytes_sent = 0;
  double wait_seconds = 0;  // inside Transfer::wait() and the blocking calls (broadcast, barrier, all_gather, group)
  double transfer_seconds = 0;  // with one or more data messages (every kind but control) under way, in or out
  double exposed_seconds = 0;   // of wait_seconds, waiting for these: what computing did not hide
};

/// Message kinds; messages of one kind between two ranks arrive in the order they were sent.
enum class MessageKind : int { tokens, scores, ring, queries, partials, activations, logits, control };

/// A send or receive under way. Must be waited for (the destructor waits, unless an exception is passing: the peer may
/// then never answer, and the transfer is given up). The memory stays the caller's until then. Must not outlive its
/// communicator.
class Transfer {
 public:
  class State {
   public:
    virtual ~State() = default;  // gives up what is not finished
    virtual bool done() = 0;     // polls; true once finished
  };
  Transfer() = default;
  Transfer(std::unique_ptr<State> state, class Communicator* owner) : state_(std::move(state)), owner_(owner) {}
  Transfer(Transfer&&) noexcept = default;
  Transfer& operator=(Transfer&& other) noexcept;
  ~Transfer();

  /// Returns at once where nothing is under way.
  void wait();

  /// Polls: true once finished, or where nothing is under way.
  bool done();

 private:
  std::unique_ptr<State> state_;
  class Communicator* owner_ = nullptr;
};

/// Waits for each, in order; the vector is empty afterwards.
void wait_all(std::vector<Transfer>& transfers);

/// A group of ranks. Members are numbered 0..size-1 inside the group ("member"); `world_rank` names them outside.
/// Any thread may send, receive and wait; what is collective comes from one. Messages move while all threads compute.
/// Messages of any size (cut into pieces below INT_MAX inside); sender and receiver must agree on the size. Errors of
/// MPI throw PeerError.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int member() const = 0;  // of this process
  virtual int size() const = 0;
  virtual RankId world_rank(int member) const = 0;

  virtual Transfer send(std::span<const std::byte> data, int to, MessageKind kind) = 0;
  virtual Transfer receive(std::span<std::byte> data, int from, MessageKind kind) = 0;

  virtual void broadcast(std::span<std::byte> data, int root) = 0;  // every member calls it with the same size
  virtual void barrier() = 0;

  /// All members' `data` one behind the other in order of member, on every member. Sizes may differ.
  virtual std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> data) = 0;

  /// The group of these members of this one, in the given order. Every member of this communicator calls it, in the
  /// same order of calls; those not named get nullptr. The result counts into this one's totals.
  virtual std::unique_ptr<Communicator> group(std::span<const int> members) = 0;

  /// Of this process, over all groups.
  virtual CommunicationTotals totals() const = 0;

  /// Sleeps adaptively until `done` returns true: microseconds at first, up to half a millisecond (waiting ranks must
  /// not burn the cores of computing ones). Adds to wait_seconds.
  virtual void wait_until(Transfer::State& transfer) = 0;

  /// Whether messages move while no thread waits for one; they do unless switched off, for measurements of what it is
  /// good for. Of this process, all groups.
  virtual void set_overlap(bool on) = 0;

  /// A way of its own for heartbeats, beside all messages. Every member calls it. nullptr: one rank alone.
  virtual std::unique_ptr<HeartbeatLink> heartbeat_link() = 0;

  /// A stream of messages from rank 0 to all. Of the world's communicator, which outlives it; every rank calls it, with
  /// the same fan-out (broadcast_tree.h).
  virtual std::unique_ptr<Broadcast> broadcast_stream(int fan_out = BroadcastTree::kFanOut) = 0;

  /// Ends the whole job with this code, from any thread, in five seconds at the latest. Prints nothing itself.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

/// The real implementation without MPI: one rank. Sends to itself are matched with receives, by kind and in order; a
/// wait for a transfer whose counterpart is not there yet throws InternalError, for nothing could ever end it.
std::unique_ptr<Communicator> one_rank_communicator();

/// Typed convenience over the raw calls; T is trivially copyable.
template <class T>
Transfer send(Communicator& group, std::span<const T> data, int to, MessageKind kind) {
  return group.send(std::as_bytes(data), to, kind);
}
template <class T>
Transfer receive(Communicator& group, std::span<T> data, int from, MessageKind kind) {
  return group.receive(std::as_writable_bytes(data), from, kind);
}

}  // namespace gemring
