// What the operating system knows of this process: host, memory, cores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gemring {

std::string host_name();

/// Largest resident set so far, in bytes (VmHWM: file-backed weight pages included).
std::uint64_t peak_rss_bytes();

/// Pages that had to be fetched from a disk so far, and bytes that went through reads and writes, those of sockets
/// included. They grow where a process is served, however slowly. 0 where the kernel does not tell.
std::uint64_t pages_fetched();
std::uint64_t bytes_moved();

/// From here on peak_rss_bytes() is the largest resident set after this call. False where the kernel does not offer it.
bool reset_peak_rss();

/// Bytes that can still be used without swapping: MemAvailable, or what the control groups above the process
/// leave (cgroup.h).
std::uint64_t available_memory_bytes();

/// Processors this process was started with, whatever a library bound its first thread to since.
std::vector<int> allowed_cores();

/// Processors the calling thread may run on now.
std::vector<int> thread_cores();

/// The calling thread may use all that the process was started with again: before the process starts another program,
/// which inherits its mask.
void allow_first_cores();

/// Core numbers the node gives to the job: those of this process and of the one that started it (mpirun's daemon, which
/// is not bound to the one core that mpirun's default gives each of two ranks).
std::vector<int> node_cores();

}  // namespace gemring
