// Files the program writes: whole or not at all.
#pragma once

#include <fstream>
#include <string>

namespace gemring {

/// Throws UsageError where a file of this path cannot be made: asked before hours of work, not after.
void require_writable(const std::string& path, const char* option);

/// A file written piece by piece: `path`.part until commit().
class PartFile {
 public:
  explicit PartFile(std::string path);
  ~PartFile();  // removes what was not committed
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::ostream& out() { return out_; }

  /// Gives it its name. Throws ResourceError where that or any write before failed (disk full, directory gone).
  void commit();

 private:
  std::string path_;
  std::ofstream out_;
  bool committed_ = false;
};

/// Writes `path`.part and renames it. Throws ResourceError as PartFile::commit().
void write_atomically(const std::string& path, const std::string& contents);

}  // namespace gemring
