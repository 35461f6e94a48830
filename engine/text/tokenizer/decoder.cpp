#include "engine/text/tokenizer/decoder.h"

#include <algorithm>

#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

void append_replacements(std::size_t count, std::string& out) {
  for (std::size_t i = 0; i < count; ++i) out += kReplacementCharacter;
}

}  // namespace

void TextJoiner::end_run() {
  if (run_.empty()) return;
  if (first_invalid_utf8(run_)) {
    append_replacements(run_.size(), ready_);
  } else {
    ready_ += run_;
  }
  run_.clear();
}

void TextJoiner::push(std::string_view bytes, bool is_byte_token, std::string& out) {
  std::string without_spaces;
  if (first_ && !is_byte_token && rules_->first_loses_its_spaces) {
    std::copy_if(bytes.begin(), bytes.end(), std::back_inserter(without_spaces), [](char c) { return c != ' '; });
    bytes = without_spaces;
  }
  if (!is_byte_token) return push_as_it_is(bytes, out);
  first_ = false;
  append_lossy_utf8(held_, ready_);  // a byte token begins a sequence of its own
  held_.clear();
  run_ += bytes;
  while (byte_runs_ == ByteRuns::given_in_parts && !run_.empty()) {
    const Utf8Sequence sequence = utf8_sequence(run_);
    if (sequence.state == Utf8State::incomplete) break;
    if (sequence.state == Utf8State::whole) {
      ready_.append(run_, 0, sequence.length);
    } else {
      append_replacements(sequence.length, ready_);
    }
    run_.erase(0, sequence.length);
  }
  give(out);
}

void TextJoiner::push_as_it_is(std::string_view bytes, std::string& out) {
  first_ = false;
  end_run();
  held_ += bytes;
  held_.erase(0, append_complete_utf8(held_, ready_));
  give(out);
}

void TextJoiner::finish(std::string& out) {
  end_run();
  append_lossy_utf8(held_, ready_);
  held_.clear();
  give(out);
}

void TextJoiner::give(std::string& out) {
  if (ready_.empty()) return;
  std::size_t begin = 0;
  while (leading_left_ > 0 && std::string_view(ready_).substr(begin).starts_with(rules_->leading)) {
    begin += rules_->leading.size();
    --leading_left_;
  }
  if (begin < ready_.size()) leading_left_ = 0;
  out.append(ready_, begin);
  ready_.clear();
}

}  // namespace gemring
