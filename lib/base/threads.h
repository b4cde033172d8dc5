/* Threads of a context: one loop, shared out. */
#ifndef HOP_BASE_THREADS_H
#define HOP_BASE_THREADS_H

#include "base/context.h"

typedef void (*hop__task_function)(void *argument, size_t index, size_t worker);

/* Run function(argument, index, worker) for every index below `count`, on at most `workers`
   threads and not more than the context's, the calling one (worker 0) among them; return
   when all are done.  worker < `workers`, so scratch memory can be counted by it.  Which
   worker takes which index, and in what order, is left to chance: write results by index
   and add them up in a fixed order afterwards.

   Never fails: where threads or memory are missing, fewer threads do the work.  A call out
   of `function` runs on its own thread alone.  Threads are started at first use, sleep in
   between, block all signals, and end with the context or a new number of threads. */
void hop__parallel(hop_context *context, size_t workers, size_t count,
                   hop__task_function function, void *argument);

/* End the context's threads, if there are any. */
void hop__threads_end(hop_context *context);

#endif
