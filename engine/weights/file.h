// A file opened for reading once, so that what was checked is what is read later, whatever happens to its name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gemring {

class InputFile {
 public:
  /// Opens a regular file. Throws ModelFileError naming it.
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  // bytes, when it was opened
  int descriptor() const { return descriptor_; }

  /// Fills `out` from byte `offset` on. Throws ModelFileError where the file ends before, or cannot be read.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// What to do about a file that ends too early.
inline constexpr const char* kCutShort = "the file is cut short; download it again";

/// Throws ModelFileError where the file is what git leaves in a checkout without its large-file extension.
void refuse_git_lfs_pointer(const InputFile& file);

/// False where nothing has this name. Throws ModelFileError where the system does not say (no permission, bad path).
bool file_exists(const std::string& path);

/// `name` in `directory`.
std::string path_in(const std::string& directory, const std::string& name);

/// The whole of a text file of at most `limit` bytes. Throws ModelFileError.
std::string read_text_file(const std::string& path, std::uint64_t limit = 64u << 20);

}  // namespace gemring
