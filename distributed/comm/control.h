// Control messages: small structs as Boost.Serialization archives (binary, with a class version), sent as bytes.
#pragma once

#include <boost/archive/binary_iarchive.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/serialization/optional.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/serialization/version.hpp>
#include <cstdint>
#include <sstream>
#include <string>

#include "distributed/comm/communicator.h"

namespace gemring {

/// A message as the bytes that travel, and back.
template <class Message>
std::string to_archive(const Message& message) {
  std::ostringstream out(std::ios::binary);
  boost::archive::binary_oarchive(out) << message;
  return std::move(out).str();
}
template <class Message>
void from_archive(const std::string& archive, Message& message) {
  std::istringstream in(archive, std::ios::binary);
  boost::archive::binary_iarchive(in) >> message;
}

/// `message` of the root arrives in `message` of every member.
template <class Message>
void broadcast_control(Communicator& group, Message& message, int root) {
  std::string archive;
  if (group.member() == root) archive = to_archive(message);
  std::uint64_t size = archive.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  archive.resize(size);
  group.broadcast(std::as_writable_bytes(std::span(archive)), root);
  if (group.member() != root) from_archive(archive, message);
}

/// One message to one member. Waits until it has left.
template <class Message>
void send_control(Communicator& group, const Message& message, int to) {
  const std::string archive = to_archive(message);
  const std::uint64_t size = archive.size();
  Transfer first = send(group, std::span(&size, 1), to, MessageKind::control);
  send(group, std::span<const char>(archive), to, MessageKind::control).wait();
  first.wait();
}

template <class Message>
void receive_control(Communicator& group, Message& message, int from) {
  std::uint64_t size = 0;
  receive(group, std::span(&size, 1), from, MessageKind::control).wait();
  std::string archive(size, '\0');
  receive(group, std::span<char>(archive), from, MessageKind::control).wait();
  from_archive(archive, message);
}

/// Every member's message, in order of member, on every member.
template <class Message>
std::vector<Message> all_gather_control(Communicator& group, const Message& message) {
  const std::string archive = to_archive(message);
  std::vector<Message> messages;
  for (const auto& bytes : group.all_gather(std::as_bytes(std::span(archive)))) {
    from_archive(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), messages.emplace_back());
  }
  return messages;
}

}  // namespace gemring
