/* Many structures with one potential: blocks of them are handed out to the context's
 * threads. The caller's thread works with the potential itself, each other one with a
 * clone that the handle keeps. */
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "potentials/potential.h"

#define LONGEST_BLOCK 8
#define BLOCKS_PER_WORKER 16

typedef struct worker {
    hop_context *context; /* NULL for the caller's, as is `clone` */
    hop_potential *clone;
    size_t failed; /* the first that failed here, SIZE_MAX for none */
    int status;
    char message[HOP__MESSAGE_SIZE];
} worker;

struct hop__batch {
    worker *workers;
    size_t count, capacity;
    /* the call that is running */
    hop_potential *potential;
    hop_structure *const *structures;
    int32_t *status;
    size_t structure_count, block;
};

/* ---- workers ---- */

void hop__batch_free(hop_context *context, hop__batch *batch) {
    if (!batch)
        return;
    for (size_t k = 0; k < batch->count; k++) {
        hop_potential_free(batch->workers[k].clone);
        hop_context_free(batch->workers[k].context);
    }
    hop__release(context, batch->workers);
    hop__release(context, batch);
}

static bool add_worker(hop_potential *potential, hop__batch *batch) {
    worker *w = &batch->workers[batch->count];
    *w = (worker){.failed = SIZE_MAX};
    if (batch->count > 0) {
        if (hop__context_child(potential->context, &w->context) != HOP_OK)
            return false;
        if (hop__potential_clone(potential, w->context, &w->clone) != HOP_OK) {
            hop_context_free(w->context);
            return false;
        }
    }
    batch->count++;
    return true;
}

/* As many workers as are wanted or there is memory for. */
static void add_workers(hop_potential *potential, size_t wanted) {
    hop__batch *batch = potential->batch;
    if (wanted > batch->capacity) {
        worker *more =
            hop__resize(potential->context, batch->workers, wanted, sizeof *more);
        if (!more)
            return;
        batch->workers = more;
        batch->capacity = wanted;
    }
    while (batch->count < wanted && add_worker(potential, batch))
        ;
}

static int prepare(hop_potential *potential, size_t count) {
    hop_context *context = potential->context;
    size_t wanted = (size_t)context->threads < count ? (size_t)context->threads : count;
    if (potential->kind == &hop__external_kind)
        wanted = 1;
    if (!potential->batch &&
        !(potential->batch = hop__allocate(context, 1, sizeof *potential->batch)))
        return HOP_ERROR_MEMORY;
    if (potential->batch->count >= wanted)
        return HOP_OK;
    /* fewer workers are no failure and leave the last error's text alone */
    char message[HOP__MESSAGE_SIZE];
    memcpy(message, context->message, sizeof message);
    add_workers(potential, wanted);
    if (potential->batch->count == 0)
        return HOP_ERROR_MEMORY;
    memcpy(context->message, message, sizeof message);
    return HOP_OK;
}

/* ---- the loop ---- */

static int evaluate_one(hop_potential *potential, hop_structure *s) {
    if (!hop__cancelled(potential->context))
        return hop_potential_evaluate(potential, s);
    hop__structure_forget(s);
    return HOP_STOPPED;
}

/* Blocks come in rising order, so a worker's first failure is its lowest. */
static void evaluate_block(void *argument, size_t index, size_t number) {
    hop__batch *batch = argument;
    worker *w = &batch->workers[number];
    hop_potential *potential = w->clone ? w->clone : batch->potential;
    size_t end = (index + 1) * batch->block;
    for (size_t k = index * batch->block; k < end && k < batch->structure_count; k++) {
        int status = evaluate_one(potential, batch->structures[k]);
        if (batch->status)
            batch->status[k] = status;
        if (status != HOP_OK &&
            (w->failed == SIZE_MAX || (status < 0 && w->status > 0))) {
            w->failed = k;
            w->status = status;
            memcpy(w->message, potential->context->message, sizeof w->message);
        }
    }
}

static int first_failure(hop_context *context, const hop__batch *batch) {
    const worker *first = &batch->workers[0];
    for (size_t k = 1; k < batch->count; k++) {
        const worker *w = &batch->workers[k];
        bool worse = w->status < 0 && first->status >= 0;
        bool alike = (w->status < 0) == (first->status < 0);
        if (worse || (alike && w->failed < first->failed))
            first = w;
    }
    return first->status < 0
               ? hop__fail(context, first->status, "structure %zu: %.480s",
                           first->failed, first->message)
               : first->status;
}

static int run(hop_potential *potential, hop_structure *const *structures, size_t count,
               int32_t *status) {
    hop__batch *batch = potential->batch;
    size_t threads = (size_t)potential->context->threads;
    size_t workers = batch->count < threads ? batch->count : threads;
    size_t block = count / (workers * BLOCKS_PER_WORKER);
    batch->block = block < 1 ? 1 : block > LONGEST_BLOCK ? LONGEST_BLOCK : block;
    batch->potential = potential;
    batch->structures = structures;
    batch->structure_count = count;
    batch->status = status;
    for (size_t k = 0; k < batch->count; k++) {
        batch->workers[k].failed = SIZE_MAX;
        batch->workers[k].status = HOP_OK;
        if (batch->workers[k].context)
            batch->workers[k].context->isa = potential->context->isa;
    }
    hop__parallel(potential->context, workers, (count - 1) / batch->block + 1,
                  evaluate_block, batch);
    return first_failure(potential->context, batch);
}

/* ---- the call ---- */

/* No NULL, none twice: each structure is told its place, and must still know it when
   all have been told. */
static int check(hop_context *context, hop_structure *const *structures, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (!structures[k])
            return hop__fail(context, HOP_ERROR_ARGUMENT, "structure %zu is NULL", k);
        structures[k]->place = k;
    }
    for (size_t k = 0; k < count; k++)
        if (structures[k]->place != k)
            return hop__fail(
                context, HOP_ERROR_ARGUMENT,
                "structures: expected each once, got the same as number %zu "
                "and %zu",
                k, structures[k]->place);
    return HOP_OK;
}

int hop_potential_evaluate_many(hop_potential *potential,
                                hop_structure *const *structures, size_t count,
                                int32_t *status) {
    if (!potential || (!structures && count > 0))
        return hop__missing(potential ? potential->context : NULL, "structures");
    if (count == 0)
        return HOP_OK;
    int result = check(potential->context, structures, count);
    if (result == HOP_OK)
        result = prepare(potential, count);
    if (result == HOP_OK)
        return run(potential, structures, count, status);
    for (size_t k = 0; k < count && status; k++)
        status[k] = result;
    return result;
}
