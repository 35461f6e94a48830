// Links between ranks of a host and between hosts, measured.
#pragma once

#include <vector>

#include "distributed/plan/ring_variant.h"
#include "launch/start/job.h"

namespace gemring {

/// Which ranks measure with each other in one round; -1: nobody. No rank is in two pairs of a round.
using PairRound = std::vector<int>;  // the partner of each rank

/// `host_of_rank`: numbers from 0 on, of each rank. Within hosts one round: its first rank with its second, its third
/// with its fourth, ... Between hosts the first rank of each with that of the next one, around: hosts 0-1, 2-3, ...,
/// then 1-2, 3-4, ..., and where their number is odd and above 2 the last with the first. Three rounds at most,
/// whatever the number of hosts.
PairRound inside_round(const std::vector<int>& host_of_rank);
std::vector<PairRound> host_rounds(const std::vector<int>& host_of_rank);

/// This rank's link to its partner: half the time of a small message there and back, and bytes per second while both
/// send at the same time. 0 bytes/s without a partner. Collective over the job.
LinkSpeed measure_link(const Job& job, const PairRound& round);

}  // namespace gemring
