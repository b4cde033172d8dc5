/* libhop as a contender: the instruction sets this machine has, one thread and two. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "potentials.h"
#include "structure/neighbors.h"

enum { BEST = -1, BATCH = -2, BATCH_SIZE = 1000 };

typedef struct state {
    hop_context *context;
    hop_potential *potential;
    hop_structure *structure;
    hop_structure *moved;  /* a copy, far enough for a new list */
    hop_structure **batch; /* BATCH_SIZE copies, or NULL */
    double *v, *hv;
    size_t count;
    bool away; /* the list is that of `moved` */
} state;

/* Every program is given the same skin.  The linker puts this in the way of the
   library's own calls (--wrap in the Makefile). */
static double skin;
static long lists;
int __real_hop__neighbors_update(hop__neighbors *neighbors,
                                 const hop_structure *structure, double cutoff,
                                 double own_skin);
int __wrap_hop__neighbors_update(hop__neighbors *neighbors,
                                 const hop_structure *structure, double cutoff,
                                 double own_skin);
int __wrap_hop__neighbors_update(hop__neighbors *neighbors,
                                 const hop_structure *structure, double cutoff,
                                 double own_skin) {
    lists++;
    return __real_hop__neighbors_update(neighbors, structure, cutoff,
                                        skin > 0.0 ? skin : own_skin);
}

static void *count_allocate(void *user, size_t bytes) {
    void *block = malloc(bytes);
    *(size_t *)user += malloc_usable_size(block);
    return block;
}

static void count_release(void *user, void *block) {
    *(size_t *)user -= malloc_usable_size(block);
    free(block);
}

static int make(const contender *c, const problem *p, state *s, size_t *heap) {
    const hop_allocator allocator = {sizeof allocator, count_allocate, count_release,
                                     heap};
    /* a counter is not for several threads */
    int status = hop_context_new(c->threads == 1 ? &allocator : NULL, &s->context);
    if (status != HOP_OK)
        return status;
    if (c->variant >= 0)
        s->context->isa = (enum hop__isa)c->variant;
    status = hop_context_set_threads(s->context, c->threads);
    if (status == HOP_OK)
        status = strchr(p->potential, '/')
                     ? hop_potential_load(s->context, p->potential, &s->potential)
                     : hop_potential_builtin(s->context, p->potential, &s->potential);
    int32_t *numbers = malloc(p->count * sizeof *numbers);
    for (size_t i = 0; numbers && i < p->count; i++)
        numbers[i] = p->numbers[p->species_of[i]];
    if (status == HOP_OK)
        status = numbers
                     ? hop_structure_new(s->context, p->count, numbers, &s->structure)
                     : HOP_ERROR_MEMORY;
    free(numbers);
    if (status != HOP_OK)
        return status;
    memcpy(hop_structure_positions(s->structure), p->x, 3 * p->count * sizeof *p->x);
    for (int k = 0; k < 3 && p->periodic; k++) {
        hop_structure_cell(s->structure)[4 * k] = p->box[k];
        hop_structure_periodic(s->structure)[k] = 1;
    }
    s->count = p->count;
    if (c->variant == BATCH)
        s->batch = calloc(BATCH_SIZE, sizeof(hop_structure *));
    for (size_t k = 0; s->batch && k < BATCH_SIZE && status == HOP_OK; k++)
        status = hop_structure_copy(s->structure, &s->batch[k]);
    if (s->batch && status == HOP_OK) /* starts the threads */
        status = hop_potential_evaluate_many(s->potential, s->batch, BATCH_SIZE, NULL);
    return status == HOP_OK ? hop_potential_evaluate(s->potential, s->structure)
                            : status;
}

static void *prepare(const contender *c, const problem *p, result *out) {
    static size_t heap;
    state *s = calloc(1, sizeof *s);
    size_t before = resident_bytes();
    skin = p->skin;
    int status = s ? make(c, p, s, &heap) : HOP_ERROR_MEMORY;
    if (status != HOP_OK)
        return refuse(out, "%s: %s", hop_status_text(status),
                      s && s->context ? hop_error_message(s->context) : "");
    if (p->periodic && lists == 0)
        return refuse(out,
                      "hop__neighbors_update() was not called: the skin is unknown");
    out->heap = heap;
    out->resident = resident_bytes() - before;
    out->energy = *hop_structure_energy(s->structure);
    memcpy(out->forces, hop_structure_forces(s->structure),
           3 * p->count * sizeof *out->forces);
    return s;
}

static bool ready_to_rebuild(state *s) {
    if (s->moved)
        return true;
    if (hop_structure_copy(s->structure, &s->moved) != HOP_OK)
        return false;
    for (size_t k = 0; k < 3 * s->count; k++)
        hop_structure_positions(s->moved)[k] += 3.0;
    return true;
}

static bool ready_for_hessian(state *s) {
    if (s->v)
        return true;
    s->v = malloc(3 * s->count * sizeof *s->v);
    s->hv = malloc(3 * s->count * sizeof *s->hv);
    for (size_t k = 0; s->v && k < 3 * s->count; k++)
        s->v[k] = sin(1.0 + 7.0 * (double)k);
    return s->v && s->hv;
}

/* One call; for REBUILD alternately here and there. */
static int call(state *s, task_kind task) {
    if (task == HESSIAN)
        return hop_potential_hessian_vector(s->potential, s->structure, s->v, s->hv);
    s->away = task == REBUILD && !s->away;
    return hop_potential_evaluate(s->potential, s->away ? s->moved : s->structure);
}

/* `calls` structures, in whole batches. */
static bool batch_burst(state *s, long calls, timing *per_call) {
    int status = HOP_OK;
    long batches = (calls + BATCH_SIZE - 1) / BATCH_SIZE;
    stopwatch start = stopwatch_start();
    for (long k = 0; k < batches && status == HOP_OK; k++)
        status = hop_potential_evaluate_many(s->potential, s->batch, BATCH_SIZE, NULL);
    *per_call = stopwatch_read(start, batches * BATCH_SIZE);
    return status == HOP_OK;
}

static bool burst(void *opaque, task_kind task, long calls, timing *per_call) {
    state *s = opaque;
    if (s->batch)
        return task == FORCES && batch_burst(s, calls, per_call);
    if ((task == REBUILD && !ready_to_rebuild(s)) ||
        (task == HESSIAN && !ready_for_hessian(s)))
        return false;
    /* what another contender left in the caches is not ours to pay for */
    int status = call(s, task == REBUILD ? REBUILD : FORCES);
    stopwatch start = stopwatch_start();
    for (long k = 0; k < calls && status == HOP_OK; k++)
        status = call(s, task);
    *per_call = stopwatch_read(start, calls);
    return status == HOP_OK;
}

int hop_contenders(const problem *p, contender *to) {
    static const char *const names[] = {"hop base", "hop avx2", "hop avx512"};
    contender plain = {
        .threads = 1, .variant = BEST, .prepare = prepare, .burst = burst};
    hop_context *context;
    int count = 0;
    if (hop_context_new(NULL, &context) != HOP_OK)
        return 0;
    snprintf(plain.name, sizeof plain.name, "%s", names[context->isa]);
    to[count++] = plain;
    if (p->count >= 512) {
        to[count] = plain;
        to[count].threads = 2;
        snprintf(to[count++].name, sizeof to->name, "%s 2 threads", plain.name);
    }
    for (int isa = (int)context->isa - 1; isa >= 0 && p->count <= 50000; isa--) {
        to[count] = plain;
        to[count].variant = isa;
        snprintf(to[count++].name, sizeof to->name, "%s", names[isa]);
    }
    for (int threads = 1; threads <= 2 && p->kind == GUPTA && p->count == 38;
         threads++) {
        to[count] = plain;
        to[count].threads = threads;
        to[count].variant = BATCH;
        snprintf(to[count++].name, sizeof to->name, "hop 1000 at once%s",
                 threads > 1 ? " 2 threads" : "");
    }
    hop_context_free(context);
    return count;
}
