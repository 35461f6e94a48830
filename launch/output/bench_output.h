// Where the figures of `gemring bench` go: a table on standard output, or lines of JSON there, or the table there and
// the lines in a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gemring {

class BenchOutput {
 public:
  /// As --json is given: nothing, "-" (or empty, --json alone) for standard output, or a file's path.
  explicit BenchOutput(std::optional<std::string> json);

  /// Throws UsageError where the file cannot be written: asked before the work, not after.
  void require_writable() const;

  /// Rows of the table, and the same as lines of JSON; what goes to standard output goes at once. Throws ResourceError.
  void add(std::string_view table, std::string_view lines);

  /// Writes the file. Throws ResourceError.
  void finish();

 private:
  bool lines_on_output() const;

  std::optional<std::string> json_;
  std::string lines_;
};

}  // namespace gemring
