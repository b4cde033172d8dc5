/* gupta [ROUNDS]: Gupta clusters without cut-off against the plain scalar reference, for
 * each instruction set; and Hessian-vector products in force calls.  Contenders take turns
 * within each round; the least of each one's times counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/context.h"
#include "gupta_reference.h"
#include "hop.h"

enum { REFERENCE, BASE, AVX2, AVX512, HESSIAN, CONTENDERS };

typedef struct contest {
    size_t n;
    hop_context *context;
    hop_potential *potential;
    hop_structure *structure;
    gupta_reference reference;
    int *species;
    double *forces, *v, *hv;
    double energy, least[CONTENDERS];
} contest;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(hop_context *context, int status) {
    if (status < 0) {
        fprintf(stderr, "gupta: %s\n", hop_error_message(context));
        exit(1);
    }
}

static void turn(contest *c, int which, enum hop__isa best) {
    double *x = hop_structure_positions(c->structure);
    switch (which) {
    case REFERENCE:
        c->energy =
            gupta_reference_evaluate(&c->reference, c->n, c->species, x, c->forces);
        break;
    case HESSIAN:
        c->context->isa = best;
        must(c->context,
             hop_potential_hessian_vector(c->potential, c->structure, c->v, c->hv));
        break;
    default:
        c->context->isa = (enum hop__isa)(which - BASE);
        must(c->context, hop_potential_evaluate(c->potential, c->structure));
    }
}

static void measure(contest *c, int rounds, enum hop__isa best) {
    int calls = (int)(1e6 / ((double)c->n * (double)c->n)) + 1;
    for (int k = 0; k < CONTENDERS; k++)
        c->least[k] = INFINITY;
    for (int round = 0; round < rounds; round++)
        for (int k = 0; k < CONTENDERS; k++) {
            if (k >= BASE && k <= AVX512 && k - BASE > (int)best)
                continue;
            turn(c, k, best);
            double start = seconds();
            for (int call = 0; call < calls; call++)
                turn(c, k, best);
            double time = (seconds() - start) / calls;
            c->least[k] = time < c->least[k] ? time : c->least[k];
        }
}

static void set_up(contest *c, int size, bool alloy) {
    static const gupta_parameters silver = {2.8921, 10.85, 3.18, 0.1031, 1.1895},
                                  gold = {2.885, 10.139, 4.033, 0.2096, 1.8153},
                                  mixed = {2.8885, 10.494, 3.607, 0.1488, 1.4874};
    char formula[40];
    snprintf(formula, sizeof formula, alloy ? "Ag%dAu%d" : "Ag%d",
             alloy ? size / 2 : size, size - size / 2);
    must(c->context,
         hop_structure_random(c->context, formula, c->potential, 1, &c->structure));
    c->n = (size_t)size;
    c->species = calloc(c->n, sizeof *c->species);
    c->forces = calloc(3 * c->n, sizeof *c->forces);
    c->v = calloc(3 * c->n, sizeof *c->v);
    c->hv = calloc(3 * c->n, sizeof *c->hv);
    c->reference.buffer = calloc(c->n * (c->n + 1), sizeof(double));
    for (size_t i = 0; i < c->n; i++)
        c->species[i] = hop_structure_numbers(c->structure)[i] == 79;
    for (size_t k = 0; k < 3 * c->n; k++)
        c->v[k] = sin((double)k);
    c->reference.pair[0][0] = silver;
    c->reference.pair[1][1] = gold;
    c->reference.pair[0][1] = c->reference.pair[1][0] = mixed;
}

static void tear_down(contest *c) {
    hop_structure_free(c->structure);
    free(c->species);
    free(c->forces);
    free(c->v);
    free(c->hv);
    free(c->reference.buffer);
}

static void report(const contest *c, bool alloy, enum hop__isa best) {
    double worst = 0.0;
    const double *ours = hop_structure_forces(c->structure);
    for (size_t k = 0; k < 3 * c->n; k++)
        worst = fmax(worst, fabs(c->forces[k] - ours[k]));
    printf("%-5s %4zu  %9.3f", alloy ? "Ag-Au" : "Ag", c->n, 1e6 * c->least[REFERENCE]);
    for (int k = BASE; k <= AVX512; k++)
        printf("  %9.3f %5.2f", 1e6 * c->least[k], c->least[REFERENCE] / c->least[k]);
    printf("  %5.2f  %.1e %.1e\n", c->least[HESSIAN] / c->least[BASE + (int)best],
           fabs(c->energy - *hop_structure_energy(c->structure)), worst);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const int sizes[] = {13, 19, 38, 55, 100, 147, 309, 561};
    int rounds = argc > 1 ? atoi(argv[1]) : 15;
    contest c = {0};
    must(NULL, hop_context_new(NULL, &c.context));
    enum hop__isa best = c.context->isa;
    must(c.context, hop_potential_builtin(c.context, "AgAu.gupta", &c.potential));
    printf("%-10s  %9s  %15s  %15s  %15s  %5s\n", "us, times", "reference", "portable",
           "AVX2", "AVX-512", "HVP");
    for (int alloy = 0; alloy < 2; alloy++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            set_up(&c, sizes[k], alloy);
            measure(&c, rounds, best);
            report(&c, alloy, best);
            tear_down(&c);
        }
    hop_potential_free(c.potential);
    hop_context_free(c.context);
    return 0;
}
