#include "launch/json_lines.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 30;

/// Lines of a file descriptor, without their ends. A last line needs none.
class LineReader {
 public:
  LineReader(int input, std::function<void()> before_waiting)
      : input_(input), before_waiting_(std::move(before_waiting)), buffer_(std::size_t{1} << 16) {}

  bool next(std::string& line) {
    line.clear();
    for (bool any = false;; any = true) {
      if (begin_ == end_ && !fill()) return any;
      const char* const first = buffer_.data() + begin_;
      const void* const found = std::memchr(first, '\n', end_ - begin_);
      const std::size_t length =
          found == nullptr ? end_ - begin_ : static_cast<std::size_t>(static_cast<const char*>(found) - first);
      if (line.size() + length > kLongestLine) {
        throw UsageError({"standard input", "has a line of more than 1 GiB", "give one JSON value a line"});
      }
      line.append(first, length);
      begin_ += length;
      if (found == nullptr) continue;
      ++begin_;
      return true;
    }
  }

 private:
  bool fill() {
    before_waiting_();
    ssize_t count = 0;
    do {
      count = read(input_, buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) throw UsageError({"standard input", fmt::format("cannot be read: {}", std::strerror(errno)), ""});
    begin_ = 0;
    end_ = static_cast<std::size_t>(count);
    return count > 0;
  }

  int input_;
  std::function<void()> before_waiting_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace

void answer_lines(int input, std::FILE* output, const std::function<std::string(std::string_view line)>& answer) {
  const auto require = [](bool written) {
    if (written) return;
    throw ResourceError({"standard output", fmt::format("cannot be written: {}", std::strerror(errno)), ""});
  };
  const auto flush = [&] { require(std::fflush(output) == 0); };
  LineReader reader(input, flush);
  std::string line;
  for (std::size_t number = 1; reader.next(line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::string text;
    try {
      text = answer(line);
    } catch (const Error& error) {
      flush();
      throw Error(error.code(),
                  {fmt::format("line {}: {}", number, error.text().where), error.text().problem, error.text().advice});
    }
    text += '\n';
    require(std::fwrite(text.data(), 1, text.size(), output) == text.size());
  }
  flush();
}

std::string json_text(std::string_view value) {
  using Replacement = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Replacement, 3> kLineEnds = {
      Replacement{"\xc2\x85", "\\u0085"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}};
  const std::string json =
      nlohmann::json(value).dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  std::string text;
  text.reserve(json.size());
  for (std::string_view rest = json; !rest.empty();) {
    const auto* const found = std::find_if(kLineEnds.begin(), kLineEnds.end(),
                                           [&](const Replacement& end) { return rest.starts_with(end.first); });
    const bool ends_line = found != kLineEnds.end();
    text += ends_line ? found->second : rest.substr(0, 1);
    rest.remove_prefix(ends_line ? found->first.size() : 1);
  }
  return text;
}

std::string json_ids(std::span<const TokenId> ids) {
  std::string text = "[";
  for (const TokenId id : ids) {
    if (text.size() > 1) text += ',';
    text += std::to_string(id.value());
  }
  return text + ']';
}

std::string text_of_line(std::string_view line) {
  nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto found = object.is_object() ? object.find("text") : object.end();
  if (!object.is_object() || found == object.end() || !found->is_string()) {
    throw UsageError({"standard input", "is no JSON object with a text as \"text\"", R"(write {"text": "..."})"});
  }
  return std::move(found->get_ref<std::string&>());
}

}  // namespace gemring
