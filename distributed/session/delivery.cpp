#include "distributed/session/delivery.h"

#include <utility>

#include "engine/base/affinity.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

void tell(Event& event) {
  const GenerationRequest& request = *event.request;
  if (const auto* token = std::get_if<TokenId>(&event.what)) {
    if (request.on_token) request.on_token(*token);
  } else if (const auto* progress = std::get_if<Event::Progress>(&event.what)) {
    if (request.on_progress) request.on_progress(progress->phase, progress->done, progress->total);
  } else if (request.on_end) {
    request.on_end(std::move(std::get<GenerationResult>(event.what)));
  }
}

}  // namespace

Delivery::Delivery(EventQueue& events, std::function<void()> failed)
    : events_(events), failed_(std::move(failed)), thread_([this] { run(); }) {}

Delivery::~Delivery() {
  events_.close(true);
  if (thread_.joinable()) thread_.join();
}

void Delivery::run() {
  begin_thread("results");
  try {
    while (std::optional<Event> event = events_.take()) tell(*event);
  } catch (...) {
    failure_ = std::current_exception();
    events_.close(true);
    failed_();
  }
}

void Delivery::finish() {
  const OutsideMark outside;  // whoever reads the results may be slow
  events_.close(false);
  thread_.join();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace gemring
