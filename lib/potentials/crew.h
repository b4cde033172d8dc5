/* One potential on several threads: a loop whose every worker has a potential of its
 * own. */
#ifndef HOP_POTENTIALS_CREW_H
#define HOP_POTENTIALS_CREW_H

#include "potentials/potential.h"

/* The caller's thread works with the potential itself, the others with clones that the
   handle keeps.  Returns how many workers there are, at most `wanted` and the context's
   threads, and one for an external potential; fewer when memory is short, 0 with
   HOP_ERROR_MEMORY recorded when there is none at all. */
size_t hop__crew_call(hop_potential *potential, size_t wanted);

/* Does number `index` with `potential`; worker < the number of workers. */
typedef int (*hop__crew_function)(void *argument, size_t index, size_t worker,
                                  hop_potential *potential);

/* Run the function for every index below `count`, in blocks of at most `longest`, on
   `workers` workers that hop__crew_call() promised; a cancelled context makes it return
   HOP_STOPPED for the rest.  Returns the error of lowest index, which is put into
   *failed, with its message in the potential's context; without errors HOP_STOPPED or
   HOP_OK. */
int hop__crew_run(hop_potential *potential, size_t workers, size_t count,
                  size_t longest, hop__crew_function function, void *argument,
                  size_t *failed);

void hop__crew_free(hop_context *context, hop__crew *crew); /* accepts NULL */

#endif
