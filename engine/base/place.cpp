#include "engine/base/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace gemring {
namespace {

using detail::mark;
using detail::own_marks;
using detail::PlaceMarks;

constinit std::atomic<std::uint64_t> phase_letters = 0;  // Place::phase in one piece

template <std::size_t Size>
std::string_view text_of(const std::array<char, Size>& letters) {
  return {letters.data(), static_cast<std::size_t>(std::find(letters.begin(), letters.end(), '\0') - letters.begin())};
}

PlaceMarks& marks_of(DrivingThread::Role role) {
  return role == DrivingThread::Role::worker ? detail::worker_marks : detail::coordinator_marks;
}

std::string waits_text(std::int32_t whom) {
  if (whom == kEveryone) return "waits for all of its group";
  if (whom == kOwnWorker) return "waits for itself";
  return fmt::format("waits for rank {}", whom);
}

/// Whose state counts: a worker that waits for its coordinator is where that one is.
const PlaceMarks& leading() {
  const PlaceMarks& worker = detail::worker_marks;
  const PlaceMarks& coordinator = detail::coordinator_marks;
  const bool waits = worker.waits_for.load(std::memory_order_relaxed) == kOwnCoordinator &&
                     coordinator.at_work.load(std::memory_order_relaxed);
  return waits ? coordinator : worker;
}

Place::State state_of(const PlaceMarks& leads) {
  const auto read = [](const auto& value) { return value.load(std::memory_order_relaxed); };
  if (!read(detail::worker_marks.at_work) || read(leads.outside) > 0) return Place::State::outside;
  const std::int32_t whom = read(leads.waits_for);
  return whom == kNobody || whom == kOwnCoordinator ? Place::State::computing : Place::State::waiting;
}

}  // namespace

std::string describe(const Place& place) {
  std::string text(place.phase[0] != '\0' ? text_of(place.phase) : "start");
  const auto add = [&](std::string_view name, std::int32_t value, std::int32_t first) {
    if (value >= 0) text += fmt::format(", {} {}", name, value + first);
  };
  add("request", place.request, 1);
  add("chunk", place.chunk, 1);
  add("token at position", place.position, 1);
  add("layer", place.layer.value(), 0);
  if (place.ring_step >= 0) text += fmt::format(", ring step {} of {}", place.ring_step + 1, place.ring_steps);
  if (place.state == Place::State::waiting) return text + "; " + waits_text(place.waits_for);
  return place.step[0] != '\0' ? fmt::format("{}, {}", text, text_of(place.step)) : text;
}

DrivingThread::DrivingThread(Role role) {
  GEMRING_CHECK(own_marks == nullptr, "this thread drives already");
  own_marks = &marks_of(role);
  mark(own_marks->at_work, true);
  own_marks->progress();
}

DrivingThread::~DrivingThread() {
  PlaceMarks& marks = *own_marks;
  own_marks = nullptr;
  mark(marks.at_work, false);
  mark(marks.waits_for, std::int32_t{kNobody});
  for (auto* number : {&marks.request, &marks.chunk, &marks.position, &marks.layer, &marks.ring_step})
    mark(*number, std::int32_t{-1});
  marks.progress();
}

void mark_request(std::int32_t request) {
  if (own_marks == nullptr) return;
  mark(own_marks->request, request);
  mark(own_marks->chunk, std::int32_t{-1});
  mark(own_marks->position, std::int32_t{-1});
  own_marks->progress();
}

void mark_chunk(std::int32_t chunk) {
  if (own_marks == nullptr) return;
  mark(own_marks->chunk, chunk);
  own_marks->progress();
}

void mark_position(std::int32_t position) {
  if (own_marks == nullptr) return;
  mark(own_marks->position, position);
  own_marks->progress();
}

void mark_waiting(std::int32_t whom) {
  if (own_marks != nullptr) mark(own_marks->waits_for, whom);
}

void mark_progress() {
  if (own_marks != nullptr) own_marks->progress();
}

void mark_phase(std::string_view phase) {
  std::uint64_t letters = 0;
  std::memcpy(&letters, phase.data(), std::min(phase.size(), sizeof(letters)));
  mark(phase_letters, letters);
}

ProcessLook look_at_process() {
  const auto read = [](const auto& value) { return value.load(std::memory_order_relaxed); };
  const PlaceMarks& worker = detail::worker_marks;
  const PlaceMarks& leads = leading();
  ProcessLook look;
  look.marks = read(worker.steps) + read(detail::task_count.tasks);
  if (&leads != &worker) look.marks += read(leads.steps);
  Place& place = look.place;
  place.state = state_of(leads);
  if (place.state == Place::State::waiting) place.waits_for = read(leads.waits_for);
  const std::uint64_t phase = read(phase_letters);
  std::memcpy(place.phase.data(), &phase, sizeof(phase));
  const std::string_view step = read(worker.step);
  std::copy_n(step.begin(), std::min(step.size(), place.step.size()), place.step.begin());
  place.request = read(worker.request);
  place.chunk = read(worker.chunk);
  place.position = read(worker.position);
  place.layer = LayerIndex(read(worker.layer));
  place.ring_step = read(worker.ring_step);
  place.ring_steps = read(worker.ring_steps);
  return look;
}

}  // namespace gemring
