// Lines of a file descriptor, one at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// No character but blanks: nothing is asked.
bool is_blank(std::string_view line);

class LineReader {
 public:
  /// `name` is what errors call the input. `before_reading`: called before each read, which may wait; where it returns
  /// false the input is taken to end there. The descriptor stays the caller's.
  LineReader(int input, std::string name, std::function<bool()> before_reading);

  /// The next line without its end; false where there is none. A last line needs no end. Throws UsageError: input that
  /// cannot be read, a line of more than a GiB.
  bool next(std::string& line);

 private:
  bool fill();

  int input_;
  std::string name_;
  std::function<bool()> before_reading_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace gemring
