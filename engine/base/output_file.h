// Files the program writes. A regular file is there whole or not at all; what is no regular file (a terminal, a pipe, a
// device, an open descriptor such as /dev/stdout) is written straight and never replaced.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// True for "-", which is standard output wherever a file may be named.
bool is_standard_output(std::string_view path);

/// Throws UsageError where a file of this path cannot be made: asked before hours of work, not after. Leaves nothing
/// behind, opens no pipe and touches no file that is there.
void require_writable(const std::string& path, const char* option);

/// Of a FIFO that nobody has open to read.
enum class NoReader : int {
  is_awaited,  // after a warning that says so
  fails,       // ENXIO
};

/// One file, written piece by piece. Until commit() a regular file's contents are in a temporary file of a name that
/// nobody can guess, in the same directory: other jobs may write the same path, and the last one to end wins. Of a
/// symbolic link the target is replaced and the link stays; a file that is replaced keeps its permissions.
///
/// No call but require_good() and commit() throws, so that a writer may go on with what other ranks wait for.
class OutputFile {
 public:
  explicit OutputFile(std::string path, NoReader no_reader = NoReader::is_awaited);
  ~OutputFile();  // removes what was not committed
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);

  /// Throws what went wrong so far: UsageError (the path cannot be written), ResourceError (the disk is full, the
  /// reader is gone).
  void require_good() const;

  /// Brings the file to the disk and gives it its name. Call once. Throws as require_good().
  void commit();

 private:
  void keep_permissions() const;
  void fail(const char* what);

  std::string path_;       // as the user gave it
  std::string target_;     // the regular file to be replaced; empty where the path is written straight
  std::string temporary_;  // in the target's directory; empty: there is none
  int descriptor_ = -1;
  int error_ = 0;          // errno of what failed first; 0: nothing
  const char* what_ = "";  // failed then
};

/// The whole of it. Throws as OutputFile::require_good().
void write_file(const std::string& path, std::string_view contents, NoReader no_reader = NoReader::is_awaited);

}  // namespace gemring
