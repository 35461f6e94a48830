#include "tests/fuzz/scratch.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/base/check.h"

namespace gemring::fuzz {

ScratchDirectory::ScratchDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "gemring-fuzz-XXXXXX").string();
  GEMRING_CHECK(mkdtemp(path_.data()) != nullptr, "no temporary directory {}", path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code error;  // what is left behind does no harm
  std::filesystem::remove_all(path_, error);
  for (const File& one : files_) close(one.descriptor);
}

std::string ScratchDirectory::path_of(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

ScratchDirectory::File& ScratchDirectory::file(std::string_view name) {
  const auto known = std::find_if(files_.begin(), files_.end(), [&](const File& one) { return one.name == name; });
  if (known != files_.end()) return *known;
  File created{std::string(name), memfd_create(std::string(name).c_str(), MFD_CLOEXEC)};
  GEMRING_CHECK(created.descriptor >= 0, "no memory for a file {}", name);
  files_.push_back(std::move(created));
  return files_.back();
}

void ScratchDirectory::put(std::string_view name, std::string_view content) {
  File& target = file(name);
  const bool is_written =
      ftruncate(target.descriptor, 0) == 0 &&
      pwrite(target.descriptor, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size());
  GEMRING_CHECK(is_written, "{} bytes into {}", content.size(), name);
  if (target.is_linked) return;
  std::filesystem::create_symlink(fmt::format("/proc/{}/fd/{}", getpid(), target.descriptor), path_of(name));
  target.is_linked = true;
}

void ScratchDirectory::remove(std::string_view name) {
  File& target = file(name);
  if (target.is_linked) std::filesystem::remove(path_of(name));
  target.is_linked = false;
}

std::array<std::string_view, 3> parts_of(std::string_view bytes) {
  constexpr std::string_view kBorder = "\n---\n";
  std::array<std::string_view, 3> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = bytes.find(kBorder);
    part = bytes.substr(0, end);
    if (end == std::string_view::npos) return parts;
    bytes.remove_prefix(end + kBorder.size());
  }
  return parts;
}

}  // namespace gemring::fuzz
