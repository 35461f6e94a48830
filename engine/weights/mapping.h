// One tensor's bytes as a mapping of just its pages, and what happens when the file is cut under it.
#pragma once

#include <memory>
#include <string>

#include "engine/weights/file.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// Maps `bytes` bytes from `offset` on, shared and read-only: all ranks of a node use one copy in the page cache. Where
/// the offset is no multiple of `alignment` (files do not promise one), the bytes are copied instead, so that the
/// result always is aligned. Throws ModelFileError where the file has become shorter since it was opened, ResourceError
/// where the system refuses the mapping.
std::unique_ptr<TensorData> map_tensor(std::shared_ptr<const InputFile> file, const std::string& tensor,
                                       std::uint64_t offset, std::uint64_t bytes, std::size_t alignment);

struct MappingFaultOptions {
  std::string process;                      // for the message, as "rank 2 on node17"
  bool (*may_report)() noexcept = nullptr;  // whether this process writes; unset: yes. Called in a signal handler.
};

/// From now on a SIGBUS inside a mapped tensor writes one message (file, tensor, what to do, process) to stderr and
/// ends the process with exit code 4; any other SIGBUS does what it does by default. A read that the disk or file
/// server fails arrives the same way and is told apart by the file's size. May be called again, with other options.
/// Call it after MPI_Init, which installs a handler of its own.
void install_mapping_fault_handler(const MappingFaultOptions& options);

}  // namespace gemring
