// Errors that a user can cause. A bug is no Error: see check.h.
#pragma once

#include <exception>
#include <string>

namespace gemring {

/// Exit codes of the program, the same on every rank (launch/README.md, "Exit codes").
enum class ExitCode : int {
  ok = 0,
  usage = 2,       // unknown option, value out of range, empty prompt
  config = 3,      // cluster file, unsupported family, prompt longer than the model's limit
  model_file = 4,  // missing, truncated or malformed file of the model
  resources = 5,   // memory, cores, /dev/shm
  peer = 6,        // MPI failed, or ranks disagree
  internal = 7,    // a bug of ours
  some_failed = 8  // all is done, but some requests of several failed, or no profile reaches calibration's target
};

/// What went wrong, where, and what to do about it. `main` catches it once and adds rank, host and exit code.
struct ErrorText {
  std::string where;    // file, tensor, option, rank: whatever a user can look at
  std::string problem;  // one sentence with the figures
  std::string advice;   // what to do; may be empty
};

class Error : public std::exception {
 public:
  Error(ExitCode code, ErrorText text)
      : code_(code), text_(std::move(text)), what_(text_.where + ": " + text_.problem) {}

  const char* what() const noexcept override { return what_.c_str(); }
  ExitCode code() const { return code_; }
  const ErrorText& text() const { return text_; }

 private:
  ExitCode code_;
  ErrorText text_;
  std::string what_;
};

struct UsageError : Error {
  explicit UsageError(ErrorText text) : Error(ExitCode::usage, std::move(text)) {}
};
struct ConfigError : Error {
  explicit ConfigError(ErrorText text) : Error(ExitCode::config, std::move(text)) {}
};
struct ModelFileError : Error {
  explicit ModelFileError(ErrorText text) : Error(ExitCode::model_file, std::move(text)) {}
};
struct ResourceError : Error {
  explicit ResourceError(ErrorText text) : Error(ExitCode::resources, std::move(text)) {}
};
struct PeerError : Error {
  explicit PeerError(ErrorText text) : Error(ExitCode::peer, std::move(text)) {}
};

/// Any exception as an Error: memory that is not there is a lack of resources, everything else unknown a bug.
Error as_error(const std::exception& error);

}  // namespace gemring
