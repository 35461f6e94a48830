#include "distributed/pipeline/activation_link.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {
constexpr std::size_t kGenerations = 2;
}  // namespace

ActivationSender::ActivationSender(Communicator& world, std::vector<RankId> next, std::size_t max_rows,
                                   std::size_t hidden, DataType type)
    : world_(world), next_(std::move(next)), type_(type), generations_(kGenerations) {
  for (Generation& generation : generations_) {
    generation.packed = Buffer<std::byte>(max_rows * hidden * bytes_per_element(type));
  }
}

void ActivationSender::send(MatrixView<const float> x, std::span<const LinkMessage> messages) {
  Generation& generation = generations_[current_++ % kGenerations];
  wait_all(generation.transfers);
  const TraceSpan span("pack message", SpanKind::convert, x.rows());
  std::size_t at = 0;
  for (const LinkMessage& message : messages) {
    const std::size_t begin = at;
    for (const RowRange& range : message.rows) {
      const std::size_t elements = range.count * x.cols();
      narrow(x.row(range.begin), type_, generation.packed.data() + at, elements);
      at += elements * bytes_per_element(type_);
    }
    generation.transfers.push_back(world_.send(std::as_const(generation.packed).span().subspan(begin, at - begin),
                                               next_[static_cast<std::size_t>(message.peer)].value(),
                                               MessageKind::activations));
  }
}

ActivationReceiver::ActivationReceiver(Communicator& world, std::vector<RankId> previous, std::size_t max_rows,
                                       std::size_t hidden, DataType type)
    : world_(world), previous_(std::move(previous)), hidden_(hidden), type_(type), generations_(kGenerations) {
  for (Generation& generation : generations_) {
    generation.packed = Buffer<std::byte>(max_rows * hidden * bytes_per_element(type));
  }
}

void ActivationReceiver::post(std::vector<LinkMessage> messages) {
  GEMRING_CHECK(posted_ - taken_ < kGenerations, "{} posted, {} taken", posted_, taken_);
  Generation& generation = generations_[posted_++ % kGenerations];
  generation.messages = std::move(messages);
  std::size_t at = 0;
  for (const LinkMessage& message : generation.messages) {
    const std::size_t bytes = message.row_count() * hidden_ * bytes_per_element(type_);
    generation.transfers.push_back(world_.receive(generation.packed.span().subspan(at, bytes),
                                                  previous_[static_cast<std::size_t>(message.peer)].value(),
                                                  MessageKind::activations));
    at += bytes;
  }
}

void ActivationReceiver::take(MatrixView<float> x) {
  GEMRING_CHECK(taken_ < posted_, "nothing posted");
  Generation& generation = generations_[taken_++ % kGenerations];
  wait_all(generation.transfers);
  const TraceSpan span("unpack message", SpanKind::convert, x.rows());
  const std::byte* from = generation.packed.data();
  for (const LinkMessage& message : generation.messages) {
    for (const RowRange& range : message.rows) {
      widen(type_, from, x.row(range.begin), range.count * hidden_);
      from += range.count * hidden_ * bytes_per_element(type_);
    }
  }
}

}  // namespace gemring
