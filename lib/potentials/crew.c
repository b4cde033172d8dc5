#include "potentials/crew.h"

#include <string.h>

#include "base/memory.h"
#include "base/threads.h"

#define BLOCKS_PER_WORKER 16

typedef struct worker {
    hop_context *context; /* NULL for the caller's, as is `clone` */
    hop_potential *clone;
    size_t failed; /* the first index that failed here */
    int status;
    char message[HOP__MESSAGE_SIZE];
} worker;

struct hop__crew {
    worker *workers;
    size_t count, capacity;
    /* the loop that is running */
    hop_potential *potential;
    hop__crew_function function;
    void *argument;
    size_t end, block;
};

/* ---- workers ---- */

void hop__crew_free(hop_context *context, hop__crew *crew) {
    if (!crew)
        return;
    for (size_t k = 0; k < crew->count; k++) {
        hop_potential_free(crew->workers[k].clone);
        hop_context_free(crew->workers[k].context);
    }
    hop__release(context, crew->workers);
    hop__release(context, crew);
}

static bool add_worker(hop_potential *potential, hop__crew *crew) {
    worker *w = &crew->workers[crew->count];
    *w = (worker){.status = HOP_OK};
    if (crew->count > 0) {
        if (hop__context_child(potential->context, &w->context) != HOP_OK)
            return false;
        if (hop__potential_clone(potential, w->context, &w->clone) != HOP_OK) {
            hop_context_free(w->context);
            return false;
        }
    }
    crew->count++;
    return true;
}

/* As many workers as are wanted or there is memory for. */
static void add_workers(hop_potential *potential, size_t wanted) {
    hop_context *context = potential->context;
    hop__crew *crew = potential->crew;
    if (!crew)
        crew = potential->crew = hop__allocate(context, 1, sizeof *crew);
    if (crew && wanted > crew->capacity) {
        worker *more = hop__resize(context, crew->workers, wanted, sizeof *more);
        if (!more)
            return;
        crew->workers = more;
        crew->capacity = wanted;
    }
    while (crew && crew->count < wanted && add_worker(potential, crew))
        ;
}

size_t hop__crew_call(hop_potential *potential, size_t wanted) {
    hop_context *context = potential->context;
    if (wanted > (size_t)context->threads)
        wanted = (size_t)context->threads;
    if (wanted < 1 || potential->kind == &hop__external_kind)
        wanted = 1;
    if (potential->crew && potential->crew->count >= wanted)
        return wanted;
    char message[HOP__MESSAGE_SIZE];
    memcpy(message, context->message, sizeof message);
    add_workers(potential, wanted);
    if (!potential->crew || potential->crew->count == 0)
        return 0;
    /* fewer workers are no failure and leave the last error's text alone */
    memcpy(context->message, message, sizeof message);
    return potential->crew->count;
}

/* ---- the loop ---- */

/* The error of lowest index. */
static void note(worker *w, size_t index, int status, const hop_context *context) {
    bool worse = status < 0 && (w->status >= 0 || index < w->failed);
    if (!worse && !(status > 0 && w->status == HOP_OK))
        return;
    w->failed = index;
    w->status = status;
    memcpy(w->message, context->message, sizeof w->message);
}

static void run_block(void *opaque, size_t block, size_t number) {
    hop__crew *crew = opaque;
    worker *w = &crew->workers[number];
    hop_potential *potential = w->clone ? w->clone : crew->potential;
    size_t end = (block + 1) * crew->block;
    for (size_t k = block * crew->block; k < end && k < crew->end; k++) {
        int status = crew->function(crew->argument, k, number, potential);
        if (status != HOP_OK)
            note(w, k, status, potential->context);
    }
}

static const worker *first_failure(const hop__crew *crew, size_t workers) {
    const worker *first = &crew->workers[0];
    for (size_t k = 1; k < workers; k++) {
        const worker *w = &crew->workers[k];
        bool error = w->status < 0 && (first->status >= 0 || w->failed < first->failed);
        if (error || (w->status > 0 && first->status == HOP_OK))
            first = w;
    }
    return first;
}

int hop__crew_run(hop_potential *potential, size_t workers, size_t count,
                  size_t longest, hop__crew_function function, void *argument,
                  size_t *failed) {
    hop__crew *crew = potential->crew;
    size_t block = count / (workers * BLOCKS_PER_WORKER);
    crew->block = block < 1 ? 1 : block > longest ? longest : block;
    crew->potential = potential;
    crew->function = function;
    crew->argument = argument;
    crew->end = count;
    for (size_t k = 0; k < workers; k++) {
        crew->workers[k].status = HOP_OK;
        if (crew->workers[k].context)
            crew->workers[k].context->isa = potential->context->isa;
    }
    size_t blocks = (count + crew->block - 1) / crew->block;
    hop__parallel(potential->context, workers, blocks, run_block, crew);
    const worker *first = first_failure(crew, workers);
    *failed = first->failed;
    return first->status < 0
               ? hop__fail(potential->context, first->status, "%s", first->message)
               : first->status;
}
