/* Our own plain C as a contender: scalar, libm, one thread, -O3 -march=native. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gupta_reference.h"
#include "potentials.h"
#include "reference.h"

typedef struct state {
    const problem *p;
    reference_list list;
    gupta_reference gupta;
    double *forces, energy;
} state;

/* AgAu.gupta */
static const gupta_parameters silver = {2.8921, 10.85, 3.18, 0.1031, 1.1895},
                              gold = {2.885, 10.139, 4.033, 0.2096, 1.8153},
                              mixed = {2.8885, 10.494, 3.607, 0.1488, 1.4874};

static void evaluate(state *s) {
    const problem *p = s->p;
    if (p->periodic)
        reference_list_follow(&s->list, p->x);
    if (p->kind == GUPTA)
        s->energy = gupta_reference_evaluate(&s->gupta, p->count, p->species_of, p->x,
                                             s->forces);
    else if (p->kind == STILLINGER_WEBER)
        s->energy = reference_stillinger_weber(&s->list, s->forces);
    else if (p->periodic)
        s->energy = reference_lennard_jones(&s->list, p->cutoff, s->forces);
    else
        s->energy = reference_lennard_jones_all(p->count, p->x, s->forces);
}

static void *prepare(const contender *c, const problem *p, result *out) {
    (void)c;
    state *s = calloc(1, sizeof *s);
    s->p = p;
    s->forces = calloc(3 * p->count, sizeof *s->forces);
    if (p->kind == GUPTA) {
        s->gupta.buffer = malloc(p->count * (p->count + 1) * sizeof(double));
        s->gupta.pair[0][0] = silver;
        s->gupta.pair[1][1] = gold;
        s->gupta.pair[0][1] = s->gupta.pair[1][0] = mixed;
    } else if (p->periodic)
        reference_list_build(&s->list, p->count, p->x, p->box, p->cutoff + p->skin,
                             p->kind == STILLINGER_WEBER);
    evaluate(s);
    out->energy = s->energy;
    memcpy(out->forces, s->forces, 3 * p->count * sizeof *out->forces);
    return s;
}

static bool burst(void *opaque, task_kind task, long calls, timing *per_call) {
    state *s = opaque;
    if (task != FORCES)
        return false;
    evaluate(s);
    stopwatch start = stopwatch_start();
    for (long k = 0; k < calls; k++)
        evaluate(s);
    *per_call = stopwatch_read(start, calls);
    return true;
}

int reference_contenders(const problem *p, contender *to) {
    if ((p->kind == GUPTA && p->periodic) || p->count > 50000)
        return 0;
    *to = (contender){
        .name = "reference C", .threads = 1, .prepare = prepare, .burst = burst};
    return 1;
}
