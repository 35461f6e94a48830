// A step: what rank 0 has all ranks do next. This page is the data's way through a run.
//
//     RequestSource            where requests come from                             request_source.h
//       -> Coordinator         rank 0, a thread of its own: admits requests,        coordinator.h
//                              samples tokens, ends requests
//          Scheduler           which step comes next (pure)                         scheduler.h
//       -> Step                broadcast to every rank, in one order                step_broadcast.h
//          LocalQueue          the same for rank 0's own worker                     local_queue.h
//       -> Worker              every rank: its part of each step                    worker.h
//          FilterPass, Stage   what a rank keeps of a sequence between two steps    filter_pass.h, pipeline/stage.h
//       -> report              the last stage's first rank, to rank 0: the step is done
//       -> EventQueue          tokens and results, bounded                          event_queue.h
//       -> Delivery            a thread of its own calls the request's callbacks    delivery.h
//
// A pass is a sequence of steps: of the filter pass a layer each (the last one scores), of the prefill a chunk each,
// and each decoded token is one. Rank 0 broadcasts a few steps ahead of the reports (scheduler.h), so that no rank
// waits for its next step and no more than those are under way when a request is cancelled or fails. To end a request
// early is therefore to broadcast no more steps of it, to let those under way end, and to release it: every rank has
// run exactly the same steps, so none has to guess where another one stopped.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/pipeline/stage.h"
#include "distributed/session/kept_reading.h"
#include "engine/base/types.h"

namespace gemring {

/// Every rank gets every step and takes them in the same order; where it has no part in one, it goes on to the next.
struct Step {
  enum class Kind : std::uint8_t {
    filter,    // part `part` of the filter pass of `sequence`: a layer; the last part scores
    prefill,   // chunk `part` of `sequence`
    decode,    // a token of each sequence in `rows`
    store,     // of `sequence`: the first reading.keep_chunks chunks of reading.from go to rank 0 (stored_reading.h)
    restore,   // of `sequence`: rank 0 has so many chunks of a reading, which is reading.keep_as from now on
    release,   // of `sequence`: what ranks hold of it is freed
    shutdown,  // the run is over
  };
  Kind kind = Kind::shutdown;
  std::uint64_t id = 0;  // counts from 1; what a report says
  SequenceId sequence = 0;
  std::int32_t part = 0;           // counts from 0, in order
  std::int32_t prompt_tokens = 0;  // filter: of the whole prompt
  std::int32_t question_span = 0;  // filter: of its last tokens, whose queries score (asking_tokens.h)
  ReadingOrder reading = {};       // filter: of a windowed pass
  SequenceOptions options = {};    // prefill: how the sequence runs
  std::vector<DecodeRow> rows = {};
  std::vector<TokenId> ids = {};  // prefill: of this chunk; on ranks of the first stage, elsewhere empty
};

}  // namespace gemring
