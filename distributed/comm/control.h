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

/// `message` of the root arrives in `message` of every member.
template <class Message>
void broadcast_control(Communicator& group, Message& message, int root) {
  std::string archive;
  if (group.member() == root) {
    std::ostringstream out(std::ios::binary);
    boost::archive::binary_oarchive(out) << message;
    archive = std::move(out).str();
  }
  std::uint64_t size = archive.size();
  group.broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  archive.resize(size);
  group.broadcast(std::as_writable_bytes(std::span(archive)), root);
  if (group.member() != root) {
    std::istringstream in(archive, std::ios::binary);
    boost::archive::binary_iarchive(in) >> message;
  }
}

/// Every member's message, in order of member, on every member.
template <class Message>
std::vector<Message> all_gather_control(Communicator& group, const Message& message) {
  std::ostringstream out(std::ios::binary);
  boost::archive::binary_oarchive(out) << message;
  const std::string archive = std::move(out).str();
  std::vector<Message> messages;
  for (const auto& bytes : group.all_gather(std::as_bytes(std::span(archive)))) {
    std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), std::ios::binary);
    boost::archive::binary_iarchive(in) >> messages.emplace_back();
  }
  return messages;
}

}  // namespace gemring
