// On which processors threads that do not compute may run: all of the process's share. A thread inherits the processors
// of the one that makes it, so what is made behind the binding of the OpenMP threads would sit on the first one's core.
#pragma once

#include <vector>

namespace gemring {

/// The processors of this process; every thread that it has now may use them all from here on. Call it once, before
/// threads that compute are bound to one of them each. False where the system refused it for a thread.
bool set_whole_share(const std::vector<int>& processors);

/// First thing in a thread that does not compute: it may use the whole share (before set_whole_share() that changes
/// nothing), and top and /proc call it `name`, of at most 15 characters.
void begin_thread(const char* name);

/// The calling thread runs on these processors alone. False where the system refuses.
bool run_on(const std::vector<int>& processors);

}  // namespace gemring
