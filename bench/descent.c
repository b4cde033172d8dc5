/* descent MODEL.h5 [RUNS]: force calls until a descent stays within 1 meV/atom of the
 * minimum that it is heading to, on elements and alloys that no model was trained on; starts
 * are random clusters and shaken minima. */
#include <hop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *potential, *formula;
} systems[] = {{"Pd.gupta", "Pd38"},
               {"Pd.gupta", "Pd55"},
               {"AgAu.gupta", "Ag19Au19"},
               {"AgAu.gupta", "Ag28Au27"}};
static const char *const names[] = {"fire", "lbfgs", "learned (hand-made)", "learned"};
enum { MOST = 4000 };

static void check(hop_context *context, int status) {
    if (status < 0) {
        fprintf(stderr, "descent: %s\n", hop_error_message(context));
        exit(1);
    }
}

/* Calls after which the energy stays within `margin` of the last one; *total: to fmax. */
static int descend(hop_context *context, const char *kind, const hop_structure *start,
                   hop_potential *potential, hop_model *model, double margin,
                   int *total) {
    static double energy[MOST];
    hop_structure *s;
    hop_optimizer *o;
    int calls = 0, status;
    check(context, hop_structure_copy(start, &s));
    check(context, hop_optimizer_new(context, kind, s, potential, &o));
    if (model)
        check(context, hop_optimizer_set_model(o, model));
    hop_optimizer_set(o, "quenches", 1);
    hop_optimizer_set(o, "polish", 0);
    hop_optimizer_set(o, "fmax", 1e-3);
    hop_optimizer_set(o, "max_evaluations", MOST);
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        hop_potential_evaluate(potential, s);
        energy[calls++] = *hop_structure_energy(s);
        hop_optimizer_tell(o, s);
    }
    check(context, status);
    hop_optimizer_free(o);
    hop_structure_free(s);
    *total = calls;
    int reached = calls;
    while (reached > 0 && energy[reached - 1] <= energy[calls - 1] + margin)
        reached--;
    return reached + 1 < calls ? reached + 1 : calls;
}

static void shake(hop_structure *s, double amplitude, unsigned seed) {
    srand(seed);
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++)
        hop_structure_positions(s)[k] += amplitude * (2.0 * rand() / RAND_MAX - 1.0);
}

int main(int argc, char **argv) {
    hop_context *context;
    hop_model *model;
    if (argc < 2 || hop_context_new(NULL, &context) != HOP_OK)
        return 2;
    check(context, hop_model_load(context, argv[1], &model));
    int runs = argc > 2 ? atoi(argv[2]) : 50;
    printf("%-10s %-7s %-20s %18s %18s\n", "system", "start", "optimizer",
           "calls to 1 meV/atom", "calls to fmax 1e-3");
    for (int k = 0; k < 4; k++)
        for (int shaken = 0; shaken < 2; shaken++) {
            hop_potential *potential;
            double calls[4] = {0}, totals[4] = {0};
            check(context,
                  hop_potential_builtin(context, systems[k].potential, &potential));
            for (int run = 0; run < runs; run++) {
                hop_structure *s;
                check(context,
                      hop_structure_random(context, systems[k].formula, potential,
                                           9000 + (uint64_t)run, &s));
                if (shaken) {
                    hop_optimizer *o;
                    check(context,
                          hop_optimizer_new(context, "lbfgs", s, potential, &o));
                    check(context, hop_optimizer_run(o, s, NULL, NULL));
                    hop_optimizer_free(o);
                    shake(s, 1.0, (unsigned)run);
                }
                for (int m = 0; m < 4; m++) {
                    int total;
                    calls[m] += descend(context, m < 2 ? names[m] : "learned", s,
                                        potential, m == 3 ? model : NULL,
                                        1e-3 * (double)hop_structure_count(s), &total);
                    totals[m] += total;
                }
                hop_structure_free(s);
            }
            for (int m = 0; m < 4; m++)
                printf("%-10s %-7s %-20s %10.1f (%.2f) %14.1f (%.2f)\n",
                       systems[k].formula, shaken ? "shaken" : "random", names[m],
                       calls[m] / runs, calls[m] / calls[0], totals[m] / runs,
                       totals[m] / totals[0]);
            hop_potential_free(potential);
        }
    hop_model_free(model);
    hop_context_free(context);
    return 0;
}
