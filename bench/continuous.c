/* The continuous optimizer beside the hand-made descents and their restarts, at equal
 * numbers of force calls, from the same random starts; and the basins that a run visits.
 *
 *   bench-continuous RUNS SEED [MODEL.h5...]
 *   bench-continuous trace SEED MODEL.h5     one run on Pd38: calls, energy, minimum below
 *
 * First table: lowest relaxed energy, mean over RUNS starts and its standard error.
 * Second: each run is looked at every 20 calls; the point is relaxed by L-BFGS (not
 * charged), and minima are told apart by their energy (1 meV). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hop.h"

enum { EVERY = 20, SNAPSHOTS = 2000 };

static hop_context *context;

typedef struct method {
    const char *name, *kind;
    double quenches;
    hop_model *model;
} method;

typedef struct outcome {
    double mean, error;            /* lowest energies, eV */
    double basins, changes, above; /* of the snapshots of a run, see watch() */
} outcome;

static void check(int status) {
    if (status >= 0)
        return;
    fprintf(stderr, "continuous: %s\n", hop_error_message(context));
    exit(1);
}

static double relaxed(const hop_structure *from, hop_potential *potential) {
    hop_structure *s;
    hop_optimizer *o;
    check(hop_structure_copy(from, &s));
    check(hop_optimizer_new(context, "lbfgs", s, potential, &o));
    check(hop_optimizer_set(o, "fmax", 0.005));
    check(hop_optimizer_set(o, "max_evaluations", 3000));
    hop_optimizer_run(o, s, NULL, NULL);
    double energy = *hop_structure_energy(s);
    hop_optimizer_free(o);
    hop_structure_free(s);
    return energy;
}

/* One run: its lowest energy; fills the minima below its snapshots when asked to. */
static double run(const method *m, hop_potential *potential, const char *formula,
                  double calls, double seed, double *minima, size_t *count, int trace) {
    hop_structure *s;
    hop_optimizer *o;
    check(hop_structure_random(context, formula, potential, (uint64_t)seed, &s));
    check(hop_optimizer_new(context, m->kind, s, potential, &o));
    check(hop_optimizer_set(o, "quenches", m->quenches));
    check(hop_optimizer_set(o, "max_evaluations", calls));
    check(hop_optimizer_set(o, "polish", 60));
    check(hop_optimizer_set(o, "seed", seed));
    if (m->model)
        check(hop_optimizer_set_model(o, m->model));
    for (int64_t told = 1; hop_optimizer_ask(o, s) == HOP_OK; told++) {
        hop_potential_evaluate(potential, s);
        if (count && told % EVERY == 0 && told <= (int64_t)calls - 60 &&
            *count < SNAPSHOTS) {
            double energy = *hop_structure_energy(s);
            minima[(*count)++] = relaxed(s, potential);
            if (trace)
                printf("%lld %.4f %.4f\n", (long long)told, energy, minima[*count - 1]);
        }
        check(hop_optimizer_tell(o, s));
    }
    double energy = *hop_structure_energy(s);
    hop_optimizer_free(o);
    hop_structure_free(s);
    return energy;
}

static int by_value(const void *left, const void *right) {
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

/* Distinct minima below the snapshots after the first quarter of the run, changes from one
   snapshot to the next, and the mean of the minima above the lowest of them. */
static void watch(double *minima, size_t count, outcome *sum) {
    double mean = 0.0;
    minima += count / 4;
    count -= count / 4;
    for (size_t k = 1; k < count; k++)
        sum->changes += fabs(minima[k] - minima[k - 1]) > 1e-3;
    qsort(minima, count, sizeof *minima, by_value);
    for (size_t k = 0; k < count; k++) {
        sum->basins += k == 0 || minima[k] - minima[k - 1] > 1e-3;
        mean += minima[k] / (double)count;
    }
    sum->above += mean - minima[0];
}

static outcome measure(const method *m, hop_potential *potential, const char *formula,
                       double calls, int runs, double seed, int watched) {
    static double minima[SNAPSHOTS];
    outcome sum = {0};
    double square = 0.0;
    for (int k = 0; k < runs; k++) {
        size_t count = 0;
        double energy = run(m, potential, formula, calls, seed + k, minima,
                            watched ? &count : NULL, 0);
        sum.mean += energy;
        square += energy * energy;
        if (watched)
            watch(minima, count, &sum);
    }
    sum.mean /= runs;
    sum.error = sqrt(fmax(0.0, square / runs - sum.mean * sum.mean) /
                     (runs > 1 ? runs - 1 : 1));
    sum.basins /= runs;
    sum.changes /= runs;
    sum.above /= runs;
    return sum;
}

static const struct {
    const char *potential, *formula;
} systems[] = {{"Pd.gupta", "Pd38"}, {"AgAu.gupta", "Ag19Au19"}, {"LJ.lj", "X38"}};
enum { SYSTEMS = sizeof systems / sizeof *systems, MOST = 24 };

static void tables(const method *m, int count, int runs, double seed) {
    static const double budget[] = {1e3, 1e4};
    hop_potential *potential[SYSTEMS];
    for (int s = 0; s < SYSTEMS; s++)
        check(hop_potential_builtin(context, systems[s].potential, &potential[s]));
    for (int b = 0; b < 2; b++) {
        printf("\n| %g calls |", budget[b]);
        for (int s = 0; s < SYSTEMS; s++)
            printf(" %s |", systems[s].formula);
        printf("\n|---|---|---|---|\n");
        for (int k = 0; k < count; k++) {
            printf("| %s |", m[k].name);
            for (int s = 0; s < SYSTEMS; s++) {
                outcome r = measure(&m[k], potential[s], systems[s].formula, budget[b],
                                    runs, seed, 0);
                printf(" %.3f +- %.3f |", r.mean, r.error);
            }
            putchar('\n');
            fflush(stdout);
        }
    }
    printf("\n| 2000 calls: minima, changes, mean above the lowest |");
    for (int s = 0; s < SYSTEMS; s++)
        printf(" %s |", systems[s].formula);
    printf("\n|---|---|---|---|\n");
    for (int k = 0; k < count; k++) {
        printf("| %s |", m[k].name);
        for (int s = 0; s < SYSTEMS; s++) {
            outcome r = measure(&m[k], potential[s], systems[s].formula, 2000,
                                runs < 8 ? runs : 8, seed, 1);
            printf(" %.1f, %.1f, %.2f |", r.basins, r.changes, r.above);
        }
        putchar('\n');
        fflush(stdout);
    }
    for (int s = 0; s < SYSTEMS; s++)
        hop_potential_free(potential[s]);
}

static int trace(const char *path, double seed) {
    static double minima[SNAPSHOTS];
    hop_potential *potential;
    method m = {path, "learned-continuous", 0, NULL};
    size_t count = 0;
    check(hop_model_load(context, path, &m.model));
    check(hop_potential_builtin(context, "Pd.gupta", &potential));
    run(&m, potential, "Pd38", 2000, seed, minima, &count, 1);
    hop_potential_free(potential);
    hop_model_free(m.model);
    return 0;
}

int main(int argc, char **argv) {
    static const method hand_made[] = {
        {"gradient descent", "gradient-descent", 1, NULL},
        {"... restarted", "gradient-descent", 0, NULL},
        {"Adam", "adam", 1, NULL},
        {"... restarted", "adam", 0, NULL},
        {"FIRE", "fire", 1, NULL},
        {"... restarted", "fire", 0, NULL},
        {"hand-made step", "learned-continuous", 1, NULL},
        {"... restarted", "learned-continuous", 1e9, NULL},
        {"basin hopping", "basin-hopping", 0, NULL}};
    enum { HAND_MADE = sizeof hand_made / sizeof *hand_made };
    method m[MOST];
    int count = HAND_MADE;
    if (argc < 3 || argc - 3 > MOST - HAND_MADE) {
        fprintf(stderr, "usage: continuous RUNS SEED [MODEL.h5...]\n");
        return 2;
    }
    if (hop_context_new(NULL, &context) != HOP_OK)
        return 1;
    if (strcmp(argv[1], "trace") == 0 && argc == 4)
        return trace(argv[3], atof(argv[2]));
    memcpy(m, hand_made, sizeof hand_made);
    for (int k = 3; k < argc; k++) {
        m[count] = (method){argv[k], "learned-continuous", 0, NULL};
        check(hop_model_load(context, argv[k], &m[count++].model));
    }
    tables(m, count, atoi(argv[1]), atof(argv[2]));
    for (int k = HAND_MADE; k < count; k++)
        hop_model_free(m[k].model);
    hop_context_free(context);
    return 0;
}
