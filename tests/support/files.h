// Files made by hand, and the words of errors, for tests of any folder. Header only.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace gemring::test {

/// A directory of one test's own, removed with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gemring-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory: " + pattern);
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path() const { return path_.string(); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

  /// Writes a file and gives its path.
  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

/// The bytes of values, one after the other.
template <class... T>
std::string bytes_of(T... values) {
  std::string out;
  const auto add = [&out](auto value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  (add(values), ...);
  return out;
}

/// A whole safetensors file: length, header, data.
inline std::string safetensors(std::string_view header, std::string_view data = {}) {
  return bytes_of(static_cast<std::uint64_t>(header.size())) + std::string(header) + std::string(data);
}

/// The error that `action` throws, as "where: problem | advice"; "no error" if it does not.
template <class ErrorType, class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const ErrorType& error) {
    return std::string(error.what()) + " | " + error.text().advice;
  }
  return "no error";
}

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in '" << text << "'";
}

}  // namespace gemring::test
